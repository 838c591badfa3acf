//! Forking out of tests, and skipping without silence.

use std::error::Error;
use std::io::{Read, Write};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

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
    #[allow(dead_code, reason = "not every test binary looks at signals")]
    pub(crate) fn signal(self) -> Option<libc::c_int> {
        libc::WIFSIGNALED(self.0).then(|| libc::WTERMSIG(self.0))
    }
}

/// Forks, runs `body` in the child, and tells what it complained about and how it ended.
pub(crate) fn forked(body: impl FnOnce() -> Result<(), Box<dyn Error>>) -> Result<(String, Ended), Failed> {
    let threads = std::fs::read_dir("/proc/self/task")?.count();
    if threads != 1 {
        return Err(format!("{threads} threads: a fork here would not be a fair test").into());
    }
    let (mut reader, mut writer) = std::io::pipe()?;
    // SAFETY: this process has one thread, as was just counted.
    let pid = unsafe { libc::fork() };
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
    drop(writer);
    let mut complaint = String::new();
    reader.read_to_string(&mut complaint)?;
    let mut status = 0;
    // SAFETY: `status` is valid for writing.
    if unsafe { libc::waitpid(pid, &raw mut status, 0) } != pid {
        return Err("the forked process cannot be waited for".into());
    }
    Ok((complaint, Ended(status)))
}

/// Like [`forked`], and fails the test unless the child was content.
#[allow(dead_code, reason = "not every test binary needs it")]
pub(crate) fn content(body: impl FnOnce() -> Result<(), Box<dyn Error>>) -> Result<(), Failed> {
    match forked(body)? {
        (complaint, Ended(0)) if complaint.is_empty() => Ok(()),
        (complaint, ended) => Err(format!("{complaint} ({ended:?})").into()),
    }
}
