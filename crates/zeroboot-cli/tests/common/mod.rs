//! What the tests of the command share.

#![allow(dead_code, reason = "not every test binary needs all of it")]

use std::io::Write;
use std::process::{Command, ExitCode, Output, Stdio};

use libtest_mimic::{Arguments, Failed, Trial};

/// Runs the trials one after the other.
pub(crate) fn run(trials: Vec<Trial>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// `zeroboot run` with these arguments, and nothing to read. It has no run-time directory, so that one that is killed leaves
/// nothing there.
pub(crate) fn zeroboot(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zeroboot"));
    command.arg("run").args(arguments).stdin(Stdio::null()).env("XDG_RUNTIME_DIR", "");
    command
}

pub(crate) fn expect(what: &str, holds: bool, output: &Output) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(format!("{what}: {output:?}").into()) }
}

/// Says that a test could not run here; an error where nothing may be skipped.
pub(crate) fn skip(reason: &str) -> Result<(), Failed> {
    if std::env::var_os("ZEROBOOT_NO_SKIP").is_some_and(|value| value == "1") {
        return Err(format!("skipped: {reason}").into());
    }
    let _ = writeln!(std::io::stderr(), "SKIP {}", reason.trim());
    Ok(())
}

/// A file that is gone with the test.
pub(crate) struct TestFile(pub(crate) std::path::PathBuf);

impl TestFile {
    pub(crate) fn new(name: &str, text: &str) -> Result<Self, Failed> {
        let path = std::env::temp_dir().join(format!("zeroboot-{}-{name}", std::process::id()));
        std::fs::write(&path, text)?;
        Ok(Self(path))
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        // What cannot be removed is not worth a second panic.
        let _ = std::fs::remove_file(&self.0);
    }
}
