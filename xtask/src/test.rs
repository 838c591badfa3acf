//! `cargo xtask test`: all tests that this machine can run, counted.
//!
//! What the test programs print goes through as it comes; the counting only listens. Nothing is run twice to see
//! whether it passes the second time.

use std::env;
use std::io;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::output::{self, Counts};
use crate::venv;

/// The first has what is off by default. With the second, a test can make each step of a sandbox's hardening fail; a build
/// that is used never has it.
pub(crate) const RUNS: [&[&str]; 2] = [
    &["--workspace", "--features", "zeroboot/tokio"],
    &["--package", "zeroboot-isolation", "--features", "failure-injection"],
];

/// Runs the tests whose name contains `filter`, or all.
pub(crate) fn run(root: &Path, filter: Option<&str>) -> anyhow::Result<ExitCode> {
    let mut counts = Counts::default();
    let venv = venv::scientific(root).inspect_err(|reason| {
        eprintln!("SKIP numpy and pandas: {reason:#}");
        counts.skipped += 1;
    });
    let mut complaints = Vec::new();
    for selection in RUNS {
        let mut cargo = Command::new("cargo");
        cargo.args(["test", "--release", "--no-fail-fast"]).args(selection);
        // Without it, libtest keeps what a passing test prints, and so its `SKIP`, to itself.
        cargo.args(["--", "--show-output"]).args(filter).current_dir(root);
        match &venv {
            Ok(place) => cargo.env("ZEROBOOT_TEST_VENV", place),
            Err(_) => cargo.env_remove("ZEROBOOT_TEST_VENV"),
        };
        eprintln!("$ cargo test --release {}", selection.join(" "));
        let child = output::start(&mut cargo)?;
        let status = output::listen(child, |line| counts.line(line), io::stdout(), io::stderr())?;
        if !status.success() {
            complaints.push(format!("cargo test {} ended with {status}", selection.join(" ")));
        }
    }
    complaints.extend(counts.complaint(skips_are_failures()));
    for complaint in &complaints {
        eprintln!("error: {complaint}");
    }
    println!("{counts}");
    Ok(if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether the caller wants to know of every promise that was not checked.
pub(crate) fn skips_are_failures() -> bool {
    env::var_os("ZEROBOOT_NO_SKIP").is_some_and(|value| value == "1")
}
