//! One run of another program: the job in it, until its result is there, and until all of it has ended.
//!
//! Its standard streams are pipes and nothing else: container runtimes give the files behind them to the container's
//! user, and a device of the host would have another owner afterwards.

use std::env;
use std::ffi::OsString;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// The job of every Python, and its result.
pub(crate) const JOB: &str = "print(1+1)";
pub(crate) const RESULT: &[u8] = b"2\n";

/// Where programs for administrators are; not everybody has these directories in `PATH`.
const SBIN: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// How long a program may take; it is never near.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many lines are told of what it said before it failed.
const LAST_WORDS: usize = 3;

/// How long a program took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    pub(crate) result: Duration,
    pub(crate) total: Duration,
}

/// Runs a program that gives the result.
///
/// # Errors
/// In one line, with the last words of the program, when it gives another result, fails or takes too long. Everything in
/// its process group has been killed then.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<Took> {
    command.env_clear().env("PATH", path()).process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let begun = Instant::now();
    let mut child = command.spawn().context("it cannot be started")?;
    follow(&mut child, begun).map_err(|error| {
        // Whatever of it is left; it may have ended by itself.
        let _ = killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL);
        let _ = child.wait();
        match last_words(&mut child) {
            Some(words) => error.context(words),
            None => error,
        }
    })
}

/// Where programs are looked for, and look for others: the only variable that they get.
pub(crate) fn path() -> OsString {
    let own = env::var_os("PATH").unwrap_or_default();
    let all = env::split_paths(&own).chain(SBIN.map(PathBuf::from));
    env::join_paths(all).unwrap_or(own)
}

fn follow(child: &mut Child, begun: Instant) -> anyhow::Result<Took> {
    // It reads an end of file at once.
    drop(child.stdin.take());
    let stdout = child.stdout.as_mut().context("its standard output")?;
    let mut given = Vec::new();
    let mut result = None;
    loop {
        await_readable(stdout)?;
        let mut piece = [0; 64];
        match stdout.read(&mut piece).context("cannot read its result")? {
            0 => break,
            length => given.extend_from_slice(&piece[..length]),
        }
        if result.is_none() && given.len() >= RESULT.len() {
            result = Some(begun.elapsed());
        }
        ensure!(given.len() <= RESULT.len(), "it gave {:?}", String::from_utf8_lossy(&given));
    }
    // All that held the pipe is gone, and so is whoever wrote the result.
    let status = child.wait().context("cannot wait for its end")?;
    let total = begun.elapsed();
    ensure!(status.success(), "{status}");
    match result {
        Some(result) if given == RESULT => Ok(Took { result, total }),
        _ => bail!("it gave {:?}", String::from_utf8_lossy(&given)),
    }
}

/// Waits until there is something to read, or the end of it.
pub(crate) fn await_readable(source: &impl AsFd) -> anyhow::Result<()> {
    let timeout = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::MAX);
    loop {
        match poll(&mut [PollFd::new(source.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(0) => bail!("nothing came for {} s", PATIENCE.as_secs()),
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).context("cannot wait for it"),
        }
    }
}

/// The last lines that it wrote to standard error, without waiting for more.
fn last_words(child: &mut Child) -> Option<String> {
    let stderr = child.stderr.as_mut()?;
    let mut ready = [PollFd::new(stderr.as_fd(), PollFlags::POLLIN)];
    if !matches!(poll(&mut ready, PollTimeout::ZERO), Ok(1)) {
        return None;
    }
    let mut piece = [0; 4096];
    let length = stderr.read(&mut piece).ok()?;
    let text = String::from_utf8_lossy(&piece[..length]);
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(LAST_WORDS)..];
    (!last.is_empty()).then(|| last.join("; "))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use super::*;

    fn shell(line: &str) -> anyhow::Result<Took> {
        run(Command::new("sh").args(["-c", line]))
    }

    #[test]
    fn a_program_that_gives_the_result() {
        let took = shell("echo 2").unwrap();
        assert!(took.result <= took.total);
    }

    #[test]
    fn a_program_that_gives_something_else() {
        assert_eq!(shell("echo 3").unwrap_err().to_string(), "it gave \"3\\n\"");
        assert_eq!(shell("echo 22").unwrap_err().to_string(), "it gave \"22\\n\"");
        assert_eq!(shell(":").unwrap_err().to_string(), "it gave \"\"");
    }

    #[test]
    fn a_program_that_fails_says_why() {
        let error = shell("printf 'a\\nb\\nno such feature\\n\\nask somebody\\n' >&2; exit 3").unwrap_err();
        assert_eq!(format!("{error:#}"), "b; no such feature; ask somebody: exit status: 3");
        assert!(run(&mut Command::new("no-such-program")).is_err());
    }

    #[test]
    fn its_streams_are_pipes() {
        let pipes =
            "for fd in 0 1 2; do case $(readlink /proc/self/fd/$fd) in pipe:*) ;; *) exit 1; esac; done";
        // In the substitution standard output is another pipe; it stands for itself.
        assert!(shell(&format!("{pipes}; echo 2")).is_ok());
    }
}
