//! What can go wrong on the host's side: one type per operation, each with its cause in words and, where a person can
//! act, a remedy. A message leaves out what its source says: `cause()` says it all, each part once.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;
use zeroboot_fork::StepFailure;
use zeroboot_isolation::quotas::OpenFilesError;
use zeroboot_isolation::seal::SealError;
use zeroboot_isolation::world::{IdMapError, LendingError};

use super::interpreter::InterpreterError;
use super::view::ViewError;
use crate::protocol::JobError;
use crate::words::{self, with_cause};

/// Why there is no template.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The Python interpreter.
    #[error(transparent)]
    Interpreter(#[from] InterpreterError),
    /// What of the host's files is to be shown.
    #[error(transparent)]
    View(#[from] ViewError),
    /// The file to run at warm-up cannot be read.
    #[error("cannot read {}", path.display())]
    WarmFile {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The host's own program, for a function.
    #[error("cannot open this program's own file to run it as a template")]
    OwnProgram(#[source] std::io::Error),
    /// The setup is too long for one packet.
    #[error("arguments and environment of the template take {0} bytes: too many")]
    TooLong(usize),
    /// The job to rehearse.
    #[error("cannot request the rehearsal")]
    Rehearsal(#[source] JobError),
    /// A memory file, socket or pipe.
    #[error("cannot make {what}")]
    Resource {
        /// What.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A cgroup that the policy requires, or that a limit needs.
    #[error("cannot limit whole sandboxes: {cause}")]
    Cgroup {
        /// What went wrong.
        cause: String,
        /// What to do about it.
        remedy: String,
    },
    /// The directory that is to be the working directory.
    #[error("{cause}")]
    Directory {
        /// What went wrong.
        cause: String,
        /// What to do about it.
        remedy: String,
    },
    /// A limit of processes that the policy requires, while it waives cgroups, and that this user cannot give.
    #[error(
        "a limit of processes without cgroups needs a user id for each sandbox, which an ordinary user cannot provide"
    )]
    ProcessLimit,
    /// This process's own namespaces.
    #[error(transparent)]
    OwnNamespaces(#[from] SealError),
    /// This process's limit of open files.
    #[error(transparent)]
    OpenFiles(#[from] OpenFilesError),
    /// Talking to the warden or the template.
    #[error("cannot communicate with the {peer}")]
    Talk {
        /// Whom.
        peer: &'static str,
        /// Why.
        source: Errno,
    },
    /// User ids to lend to the sandboxes.
    #[error(transparent)]
    Lending(#[from] LendingError),
    /// The user ids of the new user namespace.
    #[error(transparent)]
    UserIds(#[from] IdMapError),
    /// The warden could not build the world: its words.
    #[error("{0}")]
    Warden(String),
    /// The warm-up failed.
    #[error("the warm-up failed: {cause}{}{}", looked_in(cause, searched), printed(said))]
    WarmUp {
        /// The last line of `text`.
        cause: String,
        /// The traceback, or whatever the program said.
        text: String,
        /// The directories in which imports look for modules.
        searched: Vec<PathBuf>,
        /// The end of what it printed.
        said: String,
    },
    /// The file to run at warm-up failed.
    #[error("the warm-up file {} failed: {cause}{}", path.display(), printed(said))]
    WarmCode {
        /// Its path.
        path: PathBuf,
        /// The last line of `text`.
        cause: String,
        /// The traceback, in which the file is called `warm.py`.
        text: String,
        /// The end of what it printed.
        said: String,
    },
    /// The template is not safe to fork.
    #[error("the template is not safe to fork: {findings}")]
    Unsafe {
        /// What was found, one finding a line.
        findings: String,
        /// What to do about them, each remedy in a line.
        remedies: String,
    },
    /// The template could not be sealed.
    #[error("the template cannot be sealed: {0}")]
    Seal(String),
    /// The template ended before it served, without a word on its socket.
    #[error("the template ended while it warmed up ({how}){}", printed(said))]
    Died {
        /// Its exit status or signal, in words.
        how: String,
        /// The end of what it printed.
        said: String,
    },
    /// The warm-up took too long.
    #[error("the warm-up did not finish within {0:?}")]
    TooSlow(Duration),
}

with_cause!(BuildError, SpawnError, RunError);

impl BuildError {
    /// From what a socket to this peer has answered.
    pub(super) fn talk(peer: &'static str) -> impl FnOnce(Errno) -> Self {
        move |source| Self::Talk { peer, source }
    }

    /// From an audit's report, whose lines are `finding; remedy`.
    pub(super) fn unsafe_to_fork(report: &str) -> Self {
        let lines = report
            .lines()
            .map(|line| line.rsplit_once("; ").unwrap_or((line, "close or end it in the warm-up")));
        let (findings, mut remedies): (Vec<_>, Vec<_>) = lines.unzip();
        // Several findings may have one remedy, which is given once.
        let mut given = HashSet::new();
        remedies.retain(|remedy| given.insert(*remedy));
        Self::Unsafe { findings: findings.join("\n"), remedies: remedies.join("\n") }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Interpreter(error) => error.remedy(),
            Self::View(error) => Some(error.remedy()),
            Self::OpenFiles(error) => error.remedy(),
            Self::Lending(error) => Some(error.remedy()),
            Self::WarmFile { .. } => Some("check the path".to_owned()),
            Self::WarmUp { cause, .. } if is_not_found(cause) => Some(
                "install the module for this interpreter, or choose another interpreter (--python PATH); for a module of \
                 your own, show its directory (--ro DIR), add it to sys.path, and import the module in the script or \
                 in a --warm file"
                    .to_owned(),
            ),
            Self::WarmUp { .. } => {
                Some("run the imports with the same interpreter outside of a sandbox to see whether they work there".to_owned())
            }
            Self::WarmCode { .. } => Some(
                "run the file by itself with the same interpreter; in the template it has no network, and sees only \
                 those files that a sandbox sees"
                    .to_owned(),
            ),
            Self::Died { .. } => {
                Some("run the warm-up on its own: it must not end the process".to_owned())
            }
            Self::Unsafe { remedies, .. } => Some(remedies.clone()),
            Self::UserIds(_) => {
                Some("the host needs /proc, and as root the right to map user ids (CAP_SETUID)".to_owned())
            }
            Self::TooSlow(_) => Some("do less in the warm-up, or raise its limit (TemplateBuilder::warm_up_limit)".to_owned()),
            Self::Cgroup { remedy, .. } | Self::Directory { remedy, .. } => Some(remedy.clone()),
            Self::ProcessLimit => {
                Some("run as root, or with a policy that says process-limit = \"prefer\"".to_owned())
            }
            _ => None,
        }
    }
}

/// Whether a module was missing.
fn is_not_found(cause: &str) -> bool {
    cause.starts_with("ModuleNotFoundError")
}

/// For a module that was not found.
fn looked_in(cause: &str, searched: &[PathBuf]) -> String {
    if !is_not_found(cause) || searched.is_empty() {
        return String::new();
    }
    let paths: Vec<_> = searched.iter().map(|path| path.display().to_string()).collect();
    format!("; looked in {}", paths.join(", "))
}

/// How many lines of what was printed are shown in a message.
const SHOWN_LINES: usize = 3;

/// The end of what was printed, for a message; nothing where there was nothing.
fn printed(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    match &lines[lines.len().saturating_sub(SHOWN_LINES)..] {
        [] => String::new(),
        last => format!("; it printed: {}", last.join("\n")),
    }
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The template had died, and could not be built again.
    #[error("the template ended and cannot be rebuilt")]
    Rebuild(#[source] Box<BuildError>),
    /// A socket or pipe.
    #[error("cannot make {what}")]
    Resource {
        /// What.
        what: &'static str,
        /// Why.
        source: Errno,
    },
    /// The job cannot be sent.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The template could not fork.
    #[error("the template could not make a sandbox")]
    Refused(#[source] StepFailure),
    /// A step of the hardening failed; the process has left.
    #[error("the sandbox could not {}", words::of_step(*.0))]
    Hardening(StepFailure),
    /// The code that a parked sandbox runs ahead of its job did not end well: its exit status.
    #[error("the code that a parked sandbox runs ahead of its job failed with exit status {0}")]
    Ahead(u8),
    /// Looking after a parked sandbox.
    #[error("cannot watch a parked sandbox")]
    Watch(#[source] Errno),
    /// The template died.
    #[error("the template ended")]
    TemplateDied,
    /// The sandbox's process ended before it was ready.
    #[error("the sandbox ended before it was ready")]
    Died,
    /// The seal could not be read.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The seal does not hold what every sandbox must hold; the sandbox was ended.
    #[error("the sandbox was not sealed: {0}")]
    Unsealed(String),
    /// Talking to it.
    #[error("cannot communicate with the sandbox")]
    Talk(#[source] Errno),
    /// It was not ready in time.
    #[error("the sandbox was not ready within {0:?}")]
    TooSlow(Duration),
}

impl SpawnError {
    /// What a person can do about it.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Rebuild(error) => error.remedy(),
            Self::Resource { source: Errno::EMFILE | Errno::ENFILE, .. } => {
                Some("raise the limit of open files (ulimit -n), or run fewer sandboxes at once".to_owned())
            }
            Self::Refused(failure) if failure.errno == Errno::EAGAIN as i32 => {
                Some("raise the limits on processes (ulimit -u, pids.max)".to_owned())
            }
            Self::TemplateDied => Some("try again: the template is rebuilt".to_owned()),
            Self::Ahead(_) => {
                Some("run that code as a script of the same template to see its error".to_owned())
            }
            _ => None,
        }
    }
}

/// Why a run has no outcome.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// There was no sandbox.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// The template died while the sandbox ran, and the sandbox with it.
    #[error("the template ended while the sandbox ran")]
    TemplateDied,
    /// Waiting for it.
    #[error("waiting for the sandbox failed")]
    Wait(#[source] Errno),
    /// Passing its input or output on.
    #[error("passing on {stream} failed")]
    Pass {
        /// Which.
        stream: &'static str,
        /// Why.
        source: Errno,
    },
    /// The directory that its files are to be copied to cannot be made or opened; the sandbox is ended.
    #[error("cannot copy files to {}", path.display())]
    Collect {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It was cancelled, and the sandbox is being ended.
    #[error("the run was cancelled")]
    Cancelled,
    /// It was killed and did not go.
    #[error("the sandbox was killed but did not end within {0:?}")]
    Stuck(Duration),
    /// What a function answered cannot be read.
    #[error("cannot read the function's answer")]
    Answer(#[source] serde_json::Error),
    /// What a function is asked cannot be written.
    #[error("cannot write the request to the function")]
    Ask(#[source] serde_json::Error),
    /// The function did not answer: it panicked, or was ended.
    #[error("the function did not answer: {0}")]
    NoAnswer(String),
}

impl RunError {
    /// What a person can do about it.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Spawn(error) => error.remedy(),
            Self::TemplateDied => Some("try again: the template is rebuilt".to_owned()),
            Self::Collect { .. } => Some("choose a directory that you may write to".to_owned()),
            Self::Pass { stream, source } => Some(match source {
                Errno::ENOSPC | Errno::EDQUOT | Errno::EFBIG => {
                    format!("make room where {stream} is written to, or write somewhere else")
                }
                Errno::EISDIR => format!("give a file, a pipe or a terminal as {stream}, or nothing"),
                _ => format!("check where {stream} leads, or use another file, pipe or terminal"),
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_of_several_findings_is_given_once() {
        let error = BuildError::unsafe_to_fork("thread 1; end it\nthread 2; end it\nfile 7; close it");
        assert_eq!(error.to_string(), "the template is not safe to fork: thread 1\nthread 2\nfile 7");
        assert_eq!(error.remedy().as_deref(), Some("end it\nclose it"));
    }

    #[test]
    fn a_missing_module_says_where_it_was_looked_for() {
        let failed = |cause: &str, searched: &[&str]| BuildError::WarmUp {
            cause: cause.to_owned(),
            text: String::new(),
            searched: searched.iter().map(PathBuf::from).collect(),
            said: "loading".to_owned(),
        };
        let missing = failed("ModuleNotFoundError: No module named 'own'", &["/a", "/b"]).to_string();
        assert!(missing.ends_with("'own'; looked in /a, /b; it printed: loading"), "{missing}");
        let other = failed("ValueError: no data", &["/a"]).to_string();
        assert!(!other.contains("looked in"), "{other}");
    }
}
