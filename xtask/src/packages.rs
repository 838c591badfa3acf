//! `cargo xtask packages`: which packages a template can import while it warms up, and which its scripts can import, as root
//! and as an ordinary user.
//!
//! Each in a sandbox of the released command, from an environment that is made once. Never here: why one fails, which the command
//! says itself; only what it may say.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Context;

use crate::ordinary::Place;
use crate::release;
use crate::venv;

/// What is installed.
pub(crate) const PACKAGES: [&str; 22] = [
    "numpy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "matplotlib",
    "seaborn",
    "statsmodels",
    "pillow",
    "lxml",
    "sympy",
    "networkx",
    "pydantic",
    "requests",
    "sqlalchemy",
    "jax",
    "lightgbm",
    "dask[dataframe]",
    "numba",
    "numexpr",
    "tokenizers",
    "polars",
];

/// What is imported.
const MODULES: [&str; 24] = [
    "numpy",
    "pandas",
    "pyarrow",
    "sklearn",
    "sklearn.ensemble",
    "scipy.stats",
    "matplotlib.pyplot",
    "seaborn",
    "statsmodels",
    "statsmodels.api",
    "PIL.Image",
    "lxml.etree",
    "sympy",
    "networkx",
    "pydantic",
    "requests",
    "sqlalchemy",
    "jax.numpy",
    "lightgbm",
    "dask.dataframe",
    "numba",
    "numexpr",
    "tokenizers",
    "polars",
];

/// Modules that cannot be imported at warm-up, with what the refusal has to say: both its cause and its remedy are true.
const REFUSED: [(&str, &str, &str); 2] = [
    ("polars", "polars-ooc-clea", "use polars, or what imports it, in the script"),
    // By way of formulaic, where polars is installed.
    ("statsmodels.api", "polars-ooc-clea", "use polars, or what imports it, in the script"),
];

/// When a module is imported.
#[derive(Debug, Clone, Copy)]
enum When {
    AtWarmUp,
    InTheScript,
}

/// How an import went.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Imported,
    /// For a reason that is known.
    Refused,
    Failed(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Imported => "yes",
            Self::Refused => "no: in the script",
            Self::Failed(_) => "FAILED",
        })
    }
}

/// Runs all of it, and prints the table.
pub(crate) fn run(root: &Path) -> anyhow::Result<ExitCode> {
    let python = venv::packages(root)?.join("bin/python");
    let program = release::build(root, "zeroboot-cli", "zeroboot")?;
    let place = is_root()?.then(|| Place::new(&program)).transpose()?;
    let own: Box<dyn Fn() -> Command> = Box::new(|| Command::new(&program));
    let mut users = vec![(if place.is_some() { "root" } else { "ordinary user" }, own)];
    if let Some(place) = &place {
        users.push(("ordinary user", Box::new(|| place.command())));
    }
    print!("{:18}", "module");
    for (user, _) in &users {
        print!("  {:18}  {:16}", format!("warm, {user}"), format!("script, {user}"));
    }
    println!();
    let mut failures = Vec::new();
    for module in MODULES {
        print!("{module:18}");
        for (user, command) in &users {
            for (when, width) in [(When::AtWarmUp, 18), (When::InTheScript, 16)] {
                let verdict = import(&mut command(), &python, module, when)?;
                print!("  {verdict:width$}");
                if let Verdict::Failed(said) = verdict {
                    failures.push(format!("{module}, {when:?}, as {user}: {said}"));
                }
            }
        }
        println!();
    }
    for failure in &failures {
        eprintln!("error: {failure}");
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn is_root() -> anyhow::Result<bool> {
    Ok(fs::metadata("/proc/self").context("cannot tell who runs this")?.uid() == 0)
}

fn import(command: &mut Command, python: &Path, module: &str, when: When) -> anyhow::Result<Verdict> {
    command.args(["run", "--quiet", "--timeout", "120s", "--python"]).arg(python);
    if matches!(when, When::AtWarmUp) {
        command.args(["--import", module]);
    }
    let output = command
        .args(["-c", &format!("import {module}; print('fine')")])
        .output()
        .context("cannot start the command")?;
    if output.status.success() && output.stdout == b"fine\n" {
        return Ok(Verdict::Imported);
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok(if is_known(module, when, &said) { Verdict::Refused } else { Verdict::Failed(last_lines(&said)) })
}

fn is_known(module: &str, when: When, said: &str) -> bool {
    let known = REFUSED.iter().find(|(refused, ..)| *refused == module);
    matches!(when, When::AtWarmUp)
        && known.is_some_and(|(_, cause, remedy)| said.contains(cause) && said.contains(remedy))
}

fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(2)..].join(" / ")
}

#[cfg(test)]
mod tests {
    use super::{When, is_known};

    #[test]
    fn a_refusal_counts_by_cause_and_remedy() {
        let said = "zeroboot: 1 other thread: polars-ooc-clea (5)\n  remedy: use polars, or what imports it, in the script instead";
        assert!(is_known("polars", When::AtWarmUp, said));
        assert!(!is_known("polars", When::InTheScript, said));
        assert!(!is_known("numpy", When::AtWarmUp, said));
        assert!(!is_known("polars", When::AtWarmUp, "zeroboot: 1 other thread: polars-ooc-clea (5)"));
    }
}
