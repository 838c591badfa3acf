//! `cargo xtask bench`: builds the comparison and runs it. It measures; nothing is measured here.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Context;

/// Runs the comparison with these arguments and ends as it ended.
pub(crate) fn run(root: &Path, args: &[OsString]) -> anyhow::Result<ExitCode> {
    let status = Command::new("cargo")
        .args(["run", "--release", "--package", "zeroboot-benches", "--bin", "compare", "--"])
        .args(args)
        .current_dir(root)
        .status()
        .context("cannot start cargo")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
