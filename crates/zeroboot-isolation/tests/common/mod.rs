//! Forking out of tests, and skipping without silence.

#![allow(dead_code, reason = "no test binary needs all of it")]

use std::error::Error;
use std::io::{PipeReader, Read, Write};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

/// What a test's code in a forked process answers.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Runs the trials one after the other on the main thread, so that they may fork.
pub(crate) fn run(trials: Vec<Trial>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Says that a test could not run here; an error where nothing may be skipped.
pub(crate) fn skip(reason: &str) -> Result<(), Failed> {
    if std::env::var_os("ZEROBOOT_NO_SKIP").is_some_and(|value| value == "1") {
        return Err(format!("skipped: {reason}").into());
    }
    let _ = writeln!(std::io::stderr(), "SKIP {reason}");
    Ok(())
}

/// How a forked process ended, as `waitpid` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended(pub(crate) libc::c_int);

impl Ended {
    pub(crate) fn signal(self) -> Option<libc::c_int> {
        libc::WIFSIGNALED(self.0).then(|| libc::WTERMSIG(self.0))
    }
}

/// A forked process that runs, or waits to be reaped.
#[derive(Debug)]
pub(crate) struct Forked {
    pub(crate) pid: libc::pid_t,
    complaint: PipeReader,
}

impl Forked {
    /// Forks, and runs `body` in the child.
    pub(crate) fn start(body: impl FnOnce() -> Outcome) -> Outcome<Self> {
        Self::with_namespaces(0, body)
    }

    /// The same, with new namespaces for the child: `CLONE_NEW*` flags.
    pub(crate) fn with_namespaces(flags: libc::c_int, body: impl FnOnce() -> Outcome) -> Outcome<Self> {
        let threads = std::fs::read_dir("/proc/self/task")?.count();
        if threads != 1 {
            return Err(format!("{threads} threads: a fork here would not be a fair test").into());
        }
        let (reader, mut writer) = std::io::pipe()?;
        let pid = if flags == 0 {
            // SAFETY: this process has one thread, as was just counted.
            unsafe { libc::fork() }
        } else {
            let pid =
                // SAFETY: as above. Without a stack and without CLONE_VM it is a fork with new namespaces; nothing in
                // the child uses libc's cached thread id.
                unsafe { libc::syscall(libc::SYS_clone, flags | libc::SIGCHLD, 0, 0, 0, 0) };
            libc::pid_t::try_from(pid)?
        };
        if pid < 0 {
            return Err(std::io::Error::last_os_error().into());
        }
        if pid == 0 {
            drop(reader);
            let complaint = match std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)) {
                Ok(Ok(())) => String::new(),
                Ok(Err(error)) => error.to_string(),
                Err(panic) => format!("panicked: {:?}", panic.downcast_ref::<String>()),
            };
            let _ = writer.write_all(complaint.as_bytes());
            // SAFETY: ends the process; nothing after it runs.
            unsafe { libc::_exit(i32::from(!complaint.is_empty())) };
        }
        Ok(Self { pid, complaint: reader })
    }

    /// Waits for its end: what it complained about, and how it ended.
    pub(crate) fn end(mut self) -> Outcome<(String, Ended)> {
        let mut complaint = String::new();
        self.complaint.read_to_string(&mut complaint)?;
        let mut status = 0;
        // SAFETY: `status` is valid for writing.
        if unsafe { libc::waitpid(self.pid, &raw mut status, 0) } != self.pid {
            return Err("the forked process cannot be waited for".into());
        }
        Ok((complaint, Ended(status)))
    }

    /// Waits for its end, and fails unless it was content.
    pub(crate) fn content(self) -> Outcome {
        match self.end()? {
            (complaint, Ended(0)) if complaint.is_empty() => Ok(()),
            (complaint, ended) => Err(format!("{complaint} ({ended:?})").into()),
        }
    }

    /// Kills it, and waits for its end.
    pub(crate) fn kill(self) -> Outcome<(String, Ended)> {
        // SAFETY: no memory is passed; the process is not reaped, so the number is its own.
        unsafe { libc::kill(self.pid, libc::SIGKILL) };
        self.end()
    }
}

/// Forks, runs `body` in the child, and tells what it complained about and how it ended.
pub(crate) fn forked(body: impl FnOnce() -> Outcome) -> Result<(String, Ended), Failed> {
    Ok(Forked::start(body)?.end()?)
}

/// Like [`forked`], and fails the test unless the child was content.
pub(crate) fn content(body: impl FnOnce() -> Outcome) -> Result<(), Failed> {
    Ok(Forked::start(body)?.content()?)
}

/// An error with this text unless it holds.
pub(crate) fn ensure(holds: bool, what: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(what().into()) }
}
