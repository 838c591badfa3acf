//! What a template is made of, kept so that it can be made again.

use std::fs::File;
use std::num::NonZeroU8;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use zeroboot_isolation::policy::{Cpus, Network, Policy};
use zeroboot_isolation::world::{HOME, IdMap};

use super::embedded::{LIBRARY, PYTHON, WARDEN};
use super::error::BuildError;
use super::interpreter::Interpreter;
use super::warm_environment;
use crate::function::{FUNCTION_VARIABLE, PROBE};
use crate::protocol::{CgroupSetup, Job, JobError, Origin, Program, SETUP_LIMIT, Setup, SetupBind, When};

/// How the bootstrap is read: the fourth of the inherited descriptors.
const LOADER: &str = "import os; exec(compile(open(int(os.environ['ZEROBOOT_FDS'].split(',')[3]), 'rb', \
    closefd=False).read(), '<zeroboot>', 'exec'))";

/// What a rehearsal ends with, unless the template is a bare interpreter, whose exit handlers write little. They run when the result
/// of a script is there already: to copy ahead what they write, which may be all over a library's memory, would only delay it.
const NO_EXIT_HANDLERS: &str = "\n__import__('atexit')._clear()\n";

/// Everything that decides what a template is.
#[derive(Debug)]
pub(super) struct Recipe {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) policy: Policy,
    /// Files of the host, and where they are shown.
    pub(super) views: Vec<(PathBuf, PathBuf)>,
    /// Of which directory of the host the working directory is a copy-on-write view, if of one.
    pub(super) directory: Option<PathBuf>,
    pub(super) environment: Vec<(String, String)>,
    pub(super) heap: Heap,
    /// Where what the warm-up prints goes.
    pub(super) output: Option<File>,
    pub(super) shells: usize,
    pub(super) processes: NonZeroU8,
    pub(super) patience: Duration,
}

/// Which program, and what it warms up.
#[derive(Debug)]
pub(super) enum Kind {
    Python {
        interpreter: Interpreter,
        imports: Vec<String>,
        warm: Option<PathBuf>,
        rehearsal: String,
        site: Site,
    },
    Function {
        name: String,
    },
    /// The warden's program, which has a function for this.
    Probe,
    Command {
        program: PathBuf,
        arguments: Vec<String>,
    },
}

impl Kind {
    /// What a template of this kind is called, unless something else is said.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Python { .. } => "python".to_owned(),
            Self::Function { name } => name.clone(),
            Self::Probe => "probe".to_owned(),
            Self::Command { program, .. } => {
                program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()
            }
        }
    }
}

/// In what pages fresh heap comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heap {
    Usual,
    Huge,
}

/// Whether an interpreter imports its module `site` when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Site {
    Imported,
    Skipped,
}

impl Site {
    /// The interpreter's options. Its environment is the template's own, so nothing has to keep it from looking there.
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Imported => &[],
            Self::Skipped => &["-S"],
        }
    }
}

impl Recipe {
    /// What the warden is told, and the files that come with it.
    pub(super) fn setup(
        &self,
        ids: IdMap,
        cgroup: Option<CgroupSetup>,
    ) -> Result<(Vec<u8>, Vec<OwnedFd>), BuildError> {
        let view = |(source, place): &(PathBuf, PathBuf)| SetupBind {
            source: source.clone(),
            place: place.clone(),
            is_programs: false,
        };
        let mut binds: Vec<_> = self.views.iter().map(view).collect();
        let mut environment = vec![
            ("PATH".to_owned(), self.path()),
            ("HOME".to_owned(), HOME.to_owned()),
            ("TMPDIR".to_owned(), "/tmp".to_owned()),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
        ];
        let library = || reopen(LIBRARY.file());
        let (program, arguments, extras) = match &self.kind {
            Kind::Python { interpreter, imports, warm, site, .. } => {
                environment.extend(warm_environment::presets());
                binds.extend(interpreter.needs().iter().map(|path| SetupBind {
                    source: path.clone(),
                    place: path.clone(),
                    is_programs: true,
                }));
                let mut extras = vec![library()?, reopen(PYTHON.file())?];
                if let Some(path) = warm {
                    let file = File::open(path)
                        .map_err(|source| BuildError::WarmFile { path: path.clone(), source })?;
                    extras.push(file.into());
                }
                let options = site.options().iter().copied().chain(["-c", LOADER]).map(str::to_owned);
                let arguments = options.chain([self.path()]).chain(imports.iter().cloned()).collect();
                (Program::Path(interpreter.executable().to_owned()), arguments, extras)
            }
            Kind::Function { name } => {
                environment.push((FUNCTION_VARIABLE.to_owned(), name.clone()));
                let own = File::open("/proc/self/exe").map_err(BuildError::OwnProgram)?;
                (Program::FirstExtra, Vec::new(), vec![own.into()])
            }
            Kind::Probe => {
                environment.push((FUNCTION_VARIABLE.to_owned(), PROBE.to_owned()));
                (Program::FirstExtra, Vec::new(), vec![reopen(WARDEN.file())?])
            }
            Kind::Command { program, arguments } => {
                (Program::Path(program.clone()), arguments.clone(), vec![library()?])
            }
        };
        // A view hides what was shown at or below its place before: the outer ones come first.
        binds.sort_by_key(|bind| bind.place.components().count());
        // Of two values of one variable the last counts.
        environment.extend(self.environment.iter().cloned());
        let setup = Setup {
            first_id: match ids {
                IdMap::Range(range) => Some(range.first()),
                IdMap::Single => None,
            },
            binds,
            directory: self.directory.clone(),
            program,
            arguments,
            environment,
            cgroup,
            extras: extras.len(),
            shells: self.shells,
            template_processes: self.processes,
            tmp_bytes: self.policy.limits.tmp.0,
            memory_bytes: self.policy.limits.memory.map(|size| size.0),
            cpus_milli: self.policy.limits.cpus.map(Cpus::to_milli),
            most_processes: self.policy.limits.processes,
            protections: self.policy.protections.to_bits(),
            loopback: self.policy.network == Network::Loopback,
        };
        // The types of a setup have no value that JSON cannot hold, but for paths that are not Unicode.
        let bytes = serde_json::to_vec(&setup)
            .map_err(|error| BuildError::Resource { what: "the setup", source: error.into() })?;
        if bytes.len() > SETUP_LIMIT { Err(BuildError::TooLong(bytes.len())) } else { Ok((bytes, extras)) }
    }

    /// How much heap the template sets apart for huge pages, in bytes.
    pub(super) fn huge_heap(&self) -> Option<usize> {
        const MOST: u64 = 1 << 30;
        // What is set apart counts where a limit bounds each process, which wants other memory as well.
        let most = self.policy.limits.memory.map_or(MOST, |limit| MOST.min(limit.0 / 2));
        (self.heap == Heap::Huge).then(|| usize::try_from(most).unwrap_or(usize::MAX))
    }

    /// The job that the template rehearses, in packets; none: it rehearses the hardening alone.
    pub(super) fn rehearsal(&self) -> Result<Vec<Vec<u8>>, JobError> {
        match &self.kind {
            Kind::Python { rehearsal, imports, warm, .. } => {
                let is_bare = imports.is_empty() && warm.is_none();
                let code = format!("{rehearsal}{}", if is_bare { "" } else { NO_EXIT_HANDLERS });
                own_job("rehearsal.py", &code, When::AfterGo, Origin::Written)
            }
            Kind::Function { .. } | Kind::Probe | Kind::Command { .. } => Ok(Vec::new()),
        }
    }

    /// What a parked sandbox runs ahead of its job, in packets: this code, or else that of the rehearsal. `None` where the
    /// template's kind does not run code.
    pub(super) fn ahead(&self, code: Option<&str>) -> Option<Result<Vec<Vec<u8>>, JobError>> {
        match &self.kind {
            Kind::Python { rehearsal, .. } => {
                Some(own_job("<ahead>", code.unwrap_or(rehearsal), When::Ahead, Origin::Code))
            }
            Kind::Function { .. } | Kind::Probe | Kind::Command { .. } => None,
        }
    }

    /// Where imports of the warm-up look for modules.
    pub(super) fn searched(&self) -> Vec<PathBuf> {
        let Kind::Python { interpreter, site, .. } = &self.kind else { return Vec::new() };
        let is_installed = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            matches!(name, Some("site-packages" | "dist-packages"))
        };
        let path = interpreter.path().iter().filter(|path| *site == Site::Imported || !is_installed(path));
        path.cloned().collect()
    }

    /// The file to run at warm-up, if there is one.
    pub(super) fn warm_file(&self) -> Option<PathBuf> {
        match &self.kind {
            Kind::Python { warm, .. } => warm.clone(),
            Kind::Function { .. } | Kind::Probe | Kind::Command { .. } => None,
        }
    }

    /// `PATH` in template and sandboxes: the interpreter's own directory first, so that `python3` is that one.
    pub(super) fn path(&self) -> String {
        let system = "/usr/local/bin:/usr/bin:/bin";
        match &self.kind {
            Kind::Python { interpreter, .. } => match interpreter.executable().parent() {
                Some(own) if !system.split(':').any(|known| own == std::path::Path::new(known)) => {
                    format!("{}:{system}", own.display())
                }
                _ => system.to_owned(),
            },
            _ => system.to_owned(),
        }
    }
}

/// A job of the template's author, in packets.
fn own_job(name: &str, code: &str, when: When, origin: Origin) -> Result<Vec<Vec<u8>>, JobError> {
    let name = name.as_bytes().to_vec();
    Job { argv0: name.clone(), name, body: code.as_bytes().to_vec(), origin, ..Job::default() }.packets(when)
}

/// Opened anew: a copy of the descriptor would share its offset, which the template before has moved to the end.
fn reopen(file: std::io::Result<BorrowedFd<'_>>) -> Result<OwnedFd, BuildError> {
    file.and_then(|file| File::open(format!("/proc/self/fd/{}", file.as_raw_fd())))
        .map(OwnedFd::from)
        .map_err(|source| BuildError::Resource { what: "a memory file", source })
}
