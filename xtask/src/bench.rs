//! `cargo xtask bench`: builds the comparison and runs it. It measures; nothing is measured here.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Context;

/// The environments that other commands make, in the order of how many packages they have.
const ENVIRONMENTS: [&str; 2] = ["packages", "scientific"];

/// Runs the comparison with these arguments and ends as it ended.
pub(crate) fn run(root: &Path, args: &[OsString]) -> anyhow::Result<ExitCode> {
    let place = |name| root.join("target/venvs").join(name);
    let made = ENVIRONMENTS.map(place).into_iter().find(|place| place.join("complete").exists());
    let mut cargo = Command::new("cargo");
    // Large templates are measured where their packages are.
    if let Some(place) = made {
        cargo.env("ZEROBOOT_BENCH_PYTHON", place.join("bin/python"));
    }
    let status = cargo
        .args(["run", "--release", "--package", "zeroboot-benches", "--bin", "compare", "--"])
        .args(args)
        .current_dir(root)
        .status()
        .context("cannot start cargo")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
