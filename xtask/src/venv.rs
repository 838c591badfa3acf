//! Virtual environments: with numpy and pandas, which tests and benches use as a heavy template, and with the tool
//! that boots the virtual machine.
//!
//! Made once below `target`, by whatever `python3` on `PATH` can make one. Never here: what its absence means.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::packages::PACKAGES;

/// What an environment is for.
#[derive(Debug, Clone, Copy)]
struct Needs {
    packages: &'static [&'static str],
    /// What it must be able to import.
    modules: &'static str,
}

/// The directory of an environment with numpy, pandas and psutil: an earlier one if it still fits, or a new one.
///
/// # Errors
/// Why there is none: in one line, to be printed as the reason of a skip.
pub(crate) fn scientific(root: &Path) -> anyhow::Result<PathBuf> {
    let needs = Needs { packages: &["numpy", "pandas", "psutil"], modules: "numpy, pandas, psutil" };
    prepared(root.join("target/venvs/scientific"), needs)
}

/// The directory of an environment with the packages that people use, of which [`packages`](crate::packages) makes a table.
///
/// # Errors
/// Why there is none, in one line.
pub(crate) fn packages(root: &Path) -> anyhow::Result<PathBuf> {
    let needs = Needs { packages: &PACKAGES, modules: "numpy, pandas, jax" };
    prepared(root.join("target/venvs/packages"), needs)
}

/// The directory of an environment with the tool that boots a kernel on this machine's file tree.
///
/// # Errors
/// Why there is none, in one line.
pub(crate) fn machine(root: &Path) -> anyhow::Result<PathBuf> {
    // Pinned: what the machine looks like from inside is the tool's.
    let needs = Needs { packages: &["virtme-ng==1.42"], modules: "virtme_ng" };
    prepared(root.join("target/venvs/machine"), needs)
}

fn prepared(place: PathBuf, needs: Needs) -> anyhow::Result<PathBuf> {
    let marker = place.join("complete");
    let pythons = pythons()?;
    // Only what was written last says that the rest is whole; and an environment can neither move nor change its
    // interpreter.
    let expected =
        |python: &Python| format!("{} {} {}", needs.packages.join(" "), python.identity, place.display());
    let found = fs::read_to_string(&marker).unwrap_or_default();
    if pythons.iter().any(|python| expected(python) == found) {
        return Ok(place);
    }
    let mut reason = None;
    for python in &pythons {
        remove(&place)?;
        eprintln!("preparing {} with {}", place.display(), python.program.display());
        match make(&python.program, &place, needs) {
            Ok(()) => {
                fs::write(&marker, expected(python)).context("cannot mark the environment as complete")?;
                return Ok(place);
            }
            Err(error) => _ = reason.get_or_insert(error),
        }
    }
    remove(&place)?;
    Err(reason.unwrap_or_else(|| anyhow::anyhow!("no python3 on PATH works")))
}

fn make(python: &Path, place: &Path, needs: Needs) -> anyhow::Result<()> {
    let own = place.join("bin/python");
    answer(python, ["-m".as_ref(), "venv".as_ref(), place.as_os_str()])?;
    // Wheels only: a machine without a compiler gets an answer at once.
    let install = ["-m", "pip", "install", "-qq", "--no-input", "--retries", "1", "--only-binary", ":all:"];
    answer(&own, install.iter().chain(needs.packages))?;
    answer(&own, ["-c", &format!("import {}", needs.modules)])?;
    Ok(())
}

struct Python {
    program: PathBuf,
    /// Interpreter and version: a program on `PATH` may be a shim that stands for several.
    identity: String,
}

/// Each working `python3` on `PATH`, first come first, no interpreter twice.
fn pythons() -> anyhow::Result<Vec<Python>> {
    let path = env::var_os("PATH").context("PATH is not set")?;
    let mut seen = BTreeSet::new();
    let working = env::split_paths(&path).filter_map(|directory| {
        let program = directory.join("python3");
        let about = "import os, sys; print(os.path.realpath(sys.executable), *sys.version_info[:3])";
        let identity = answer(&program, ["-c", about]).ok()?;
        seen.insert(identity.clone()).then_some(Python { program, identity })
    });
    Ok(working.collect())
}

/// What the program prints; or, if it fails, the first line that it complains with.
fn answer<A: AsRef<OsStr>>(program: &Path, args: impl IntoIterator<Item = A>) -> anyhow::Result<String> {
    let output = Command::new(program)
        .args(args)
        .output()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return Ok(printed.trim().to_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    match complaint.lines().chain(printed.lines()).find(|line| !line.trim().is_empty()) {
        Some(line) => bail!("{}", line.trim()),
        None => bail!("{} ended with {}", program.display(), output.status),
    }
}

fn remove(place: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(place) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", place.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use std::path::Path;

    use super::answer;

    #[test]
    fn a_failure_is_told_by_its_first_line() {
        let script = "echo; echo 'ensurepip is not available'; echo 'Failing command: x'; exit 1";
        let error = answer(Path::new("sh"), ["-c", script]).unwrap_err();
        assert_eq!(error.to_string(), "ensurepip is not available");
    }

    #[test]
    fn complaints_on_standard_error_come_first() {
        let error = answer(Path::new("sh"), ["-c", "echo out; echo err >&2; exit 1"]).unwrap_err();
        assert_eq!(error.to_string(), "err");
    }
}
