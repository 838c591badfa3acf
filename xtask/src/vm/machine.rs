//! One virtual machine, from its boot to its end: nothing of it stays, however this program ends.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};

use super::jobs::{Job, User};
use super::packages;
use super::tally::Tally;
use crate::output;

/// What runs in the machine.
const GUEST: &str = include_str!("guest.sh");

/// Kills the machine when standard input ends: when it takes too long, and when the program that started it is no
/// more. The group is the shell's own, so it holds the machine and nothing else. Not every shell takes `-KILL --`.
const KEEPER: &str = "exec 3<&0
{ read -r _ <&3; kill -s KILL -- -$$; } &
keeper=$!
\"$@\" </dev/null 3<&-
status=$?
kill -s KILL $keeper
exit $status";

/// What a machine is made of.
#[derive(Debug)]
pub(super) struct Machine {
    /// The environment that has the tool which boots it.
    pub(super) venv: PathBuf,
    pub(super) kernel: PathBuf,
    /// The only directory of the host that can be written from inside.
    pub(super) share: PathBuf,
    /// Where tests lay files that a sandbox shall see: it hides the host's directory of that name.
    pub(super) scratch: PathBuf,
    /// Whose number the ordinary user has: the project's owner can read the project.
    pub(super) ordinary: u32,
    pub(super) limit: Duration,
}

impl Machine {
    /// Boots, runs the jobs one after the other as each of the users, and tells which did not end well.
    pub(super) fn run(&self, users: &[User], jobs: &[Job], tally: &mut Tally) -> anyhow::Result<Vec<String>> {
        self.prepare(users, jobs)?;
        let mut child = output::start(&mut self.command()?)?;
        let lifeline = child.stdin.take().context("standard input is piped")?;
        let (ended, end) = mpsc::channel::<()>();
        let limit = self.limit;
        let watch = thread::spawn(move || {
            let late = end.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout);
            drop(lifeline);
            late
        });
        let status = output::listen(child, |line| tally.line(line), io::stdout(), io::stderr());
        drop(ended);
        let late = watch.join().map_err(|_| anyhow!("the thread that watches the machine panicked"))?;
        let told = fs::read_to_string(self.share.join("status")).unwrap_or_default();
        complaints(&told, users.len() * jobs.len()).map_err(|cause| match (late, status) {
            (true, _) => anyhow!("{cause}: it was killed after {} s", limit.as_secs()),
            (false, Ok(status)) => anyhow!("{cause}: the tool said {status}"),
            (false, Err(error)) => error.context(cause),
        })
    }

    /// Where the tool that boots the machine has its own files.
    fn tools(&self) -> PathBuf {
        self.share.with_file_name("tools")
    }

    fn prepare(&self, users: &[User], jobs: &[Job]) -> anyhow::Result<()> {
        match fs::remove_dir_all(self.tools()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).context("cannot remove what an earlier machine left");
            }
            _ => {}
        }
        for directory in [&self.tools(), &self.share, &self.scratch] {
            fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        }
        let write = |name: &str, text: &str| {
            let path = self.share.join(name);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
        };
        let lines = users.iter().flat_map(|user| jobs.iter().map(|job| job.line(*user)));
        write("jobs", &lines.collect::<anyhow::Result<String>>()?)?;
        write("guest.sh", GUEST)?;
        // An earlier machine's answer must not be taken for this one's.
        write("status", "")
    }

    fn command(&self) -> anyhow::Result<Command> {
        let (share, scratch) = (self.share.display().to_string(), self.scratch.display().to_string());
        // The line passes through several shells and the kernel's command line.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte);
        if let Some(path) = [&share, &scratch].into_iter().find(|path| !path.bytes().all(plain)) {
            bail!(
                "a virtual machine cannot be given the path {path}\nremedy: move the project to a plain one"
            );
        }
        let line =
            format!("sh {share}/guest.sh {share} {scratch} {} {}", self.ordinary, self.limit.as_secs());
        let path = [self.venv.join("bin")].into_iter().chain(packages::places());
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "keeper", "vng"]);
        // Without KVM: a stock kernel does not boot on every nested one. Without the small machine: it has no bus for
        // the devices that a stock kernel has drivers for.
        command.args(["--disable-kvm", "--disable-microvm", "--user", "root", "--memory", "4G"]);
        command.arg(format!("--rwdir={share}")).arg("--run").arg(&self.kernel).args(["--exec", &line]);
        command.env("PATH", env::join_paths(path).context("PATH cannot be extended")?);
        // A machine that is killed leaves its tool's files there: each start begins with none.
        command.env("TMPDIR", self.tools());
        command.stdin(Stdio::piped()).process_group(0).current_dir(OsStr::new("/"));
        Ok(command)
    }
}

/// What the lines of the status file, one for each program and user, complain about.
///
/// # Errors
/// When the machine ended before its work did.
fn complaints(told: &str, jobs: usize) -> Result<Vec<String>, String> {
    let mut lines: Vec<_> = told.lines().collect();
    let whole = lines.last() == Some(&"done");
    lines.truncate(lines.len() - usize::from(whole));
    if !whole || lines.len() != jobs {
        let last = lines.last().and_then(|line| line.split_once(' ')).map_or("its start", |(_, name)| name);
        return Err(format!("the machine ended after {last}, {} of {jobs} programs", lines.len()));
    }
    let failed = lines.into_iter().filter_map(|line| match line.split_once(' ') {
        Some(("0", _)) => None,
        Some(("124" | "137", name)) => Some(format!("{name} took too long, or was killed")),
        Some((status, name)) => Some(format!("{name} ended with {status}")),
        None => Some(format!("the machine told {line:?}")),
    });
    Ok(failed.collect())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use std::io::Read;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Command, Stdio};

    use super::{KEEPER, complaints};

    fn kept(line: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", KEEPER, "keeper", "sh", "-c", line]);
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        shell
    }

    #[test]
    fn the_keeper_hands_the_status_on() {
        let mut child = kept("exit 7").spawn().unwrap();
        let _lifeline = child.stdin.take();
        assert_eq!(child.wait().unwrap().code(), Some(7));
    }

    #[test]
    fn nothing_outlives_the_lifeline() {
        let mut child = kept("sleep 30 & echo up; sleep 30").spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        out.read_exact(&mut [0; 3]).unwrap();
        drop(child.stdin.take());
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        // Ends when nobody holds the other side any more.
        assert_eq!(out.read_to_end(&mut Vec::new()).unwrap(), 0);
    }

    #[test]
    fn a_machine_that_dies_is_a_failure() {
        assert_eq!(complaints("0 root: a\n0 root: b\ndone\n", 2).unwrap(), [""; 0]);
        assert_eq!(complaints("0 root: a\n101 root: b\ndone\n", 2).unwrap(), ["root: b ended with 101"]);
        assert_eq!(complaints("124 root: a\ndone\n", 1).unwrap(), ["root: a took too long, or was killed"]);
        assert!(complaints("0 root: a\n", 2).unwrap_err().ends_with("after root: a, 1 of 2 programs"));
        assert!(complaints("0 a\n0 b\n", 2).is_err());
        assert!(complaints("done\n", 1).unwrap_err().contains("its start"));
        assert!(complaints("", 0).is_err());
    }
}
