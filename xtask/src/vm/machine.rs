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

use super::programs::Program;
use super::{User, packages};
use crate::output::{self, Counts};

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

/// All that two machines have in common.
#[derive(Debug)]
pub(super) struct Machine {
    /// The environment that has the tool which boots it.
    pub(super) venv: PathBuf,
    pub(super) kernel: PathBuf,
    /// The only directory of the host that can be written from inside.
    pub(super) share: PathBuf,
    /// Whose number the ordinary user has: the project's owner can read the project.
    pub(super) ordinary: u32,
    pub(super) limit: Duration,
}

impl Machine {
    /// Boots, runs the programs one after the other, and tells what went wrong.
    pub(super) fn run(
        &self,
        user: User,
        programs: &[Program],
        arguments: &[String],
        counts: &mut Counts,
    ) -> anyhow::Result<Vec<String>> {
        self.prepare(programs, arguments)?;
        let mut child = output::start(&mut self.command(user)?)?;
        let lifeline = child.stdin.take().context("standard input is piped")?;
        let (ended, end) = mpsc::channel::<()>();
        let limit = self.limit;
        let watch = thread::spawn(move || {
            let late = end.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout);
            drop(lifeline);
            late
        });
        let status = output::listen(child, counts, io::stdout(), io::stderr());
        drop(ended);
        let late = watch.join().map_err(|_| anyhow!("the thread that watches the machine panicked"))?;
        if late {
            return Ok(vec![format!("the machine was killed after {} s", limit.as_secs())]);
        }
        let status = status?;
        let told = fs::read_to_string(self.share.join("status")).unwrap_or_default();
        complaints(&told, programs.len()).map_err(|cause| anyhow!("{cause} (the tool said {status})"))
    }

    fn scratch(&self) -> PathBuf {
        self.share.with_file_name("scratch")
    }

    fn prepare(&self, programs: &[Program], arguments: &[String]) -> anyhow::Result<()> {
        let write = |name: &str, text: String| {
            let path = self.share.join(name);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
        };
        match fs::remove_dir_all(self.scratch()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).context("cannot remove what an earlier machine left");
            }
            _ => fs::create_dir_all(self.scratch())
                .context("cannot make a directory for the machine's tool")?,
        }
        fs::create_dir_all(&self.share).with_context(|| format!("cannot make {}", self.share.display()))?;
        let line =
            |program: &Program| format!("{}\t{}\n", program.directory.display(), program.file.display());
        write("programs", programs.iter().map(line).collect())?;
        write("arguments", arguments.iter().map(|word| format!("{word}\n")).collect())?;
        write("guest.sh", GUEST.to_owned())?;
        // An earlier machine's answer must not be taken for this one's.
        write("status", String::new())
    }

    fn command(&self, user: User) -> anyhow::Result<Command> {
        let share = self.share.to_str().context("the project's path is not UTF-8")?;
        // The line passes through several shells and the kernel's command line.
        if !share.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte)) {
            bail!(
                "a virtual machine cannot be given the path {share}\nremedy: move the project to a plain one"
            );
        }
        let line =
            format!("sh {share}/guest.sh {share} {} {} {}", user.name(), self.ordinary, self.limit.as_secs());
        let path = [self.venv.join("bin")].into_iter().chain(packages::places());
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "keeper", "vng"]);
        // Without KVM: a stock kernel does not boot on every nested one. Without the small machine: it has no bus for
        // the devices that a stock kernel has drivers for.
        command.args(["--disable-kvm", "--disable-microvm", "--user", "root", "--memory", "4G"]);
        command.arg(format!("--rwdir={share}")).arg("--run").arg(&self.kernel).args(["--exec", &line]);
        command.env("PATH", env::join_paths(path).context("PATH cannot be extended")?);
        // A machine that is killed leaves its tool's files there: each start begins with none.
        command.env("TMPDIR", self.scratch());
        command.stdin(Stdio::piped()).process_group(0).current_dir(OsStr::new("/"));
        Ok(command)
    }
}

/// What the lines of the status file, one for each program, complain about.
///
/// # Errors
/// When the machine ended before its work did.
fn complaints(told: &str, programs: usize) -> Result<Vec<String>, String> {
    let mut lines: Vec<_> = told.lines().collect();
    let whole = lines.pop() == Some("done") && lines.len() == programs;
    if !whole {
        return Err(format!("the machine ended after {} of {programs} test programs", told.lines().count()));
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
        assert_eq!(complaints("0 a\n0 b\ndone\n", 2).unwrap(), [""; 0]);
        assert_eq!(complaints("0 a\n101 b\ndone\n", 2).unwrap(), ["b ended with 101"]);
        assert_eq!(complaints("124 a\ndone\n", 1).unwrap(), ["a took too long, or was killed"]);
        assert!(complaints("0 a\n", 2).unwrap_err().contains("after 1 of 2"));
        assert!(complaints("0 a\n0 b\n", 2).is_err());
        assert!(complaints("done\n", 1).is_err());
        assert!(complaints("", 0).is_err());
    }
}
