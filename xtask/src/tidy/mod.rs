//! `cargo xtask tidy`: the project's own rules, as code.
//!
//! A broken rule is one line, `path:line: what`. Only what can be decided for certain is checked; style is for readers
//! and for clippy.

mod layers;
mod manifests;
mod members;
mod rules;
mod source;

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use members::Member;
use source::Source;

/// A broken rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Violation {
    /// Relative to the project's root.
    path: String,
    /// From 1.
    line: usize,
    what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Checks every rule, and prints each violation.
pub(crate) fn run(root: &Path) -> anyhow::Result<ExitCode> {
    let metadata = members::metadata(root)?;
    let members = members::members(&metadata)?;
    let mut violations = layers::check(&layers::Graph::new(&metadata), &members);
    violations.extend(members.iter().flat_map(manifests::check));
    let mut files = Vec::new();
    collect(root, "", &mut files)?;
    for file in &files {
        violations.extend(rules::check_text(file));
        if file.path.ends_with(".rs") {
            violations.extend(rules::check_rust(file, &members));
        }
    }
    violations.sort();
    for violation in &violations {
        println!("{violation}");
    }
    println!("tidy: {} files, {} violations", files.len(), violations.len());
    Ok(if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every text file below `root`, but for what is built, and git's own.
fn collect(root: &Path, below: &str, files: &mut Vec<Source>) -> anyhow::Result<()> {
    let directory = root.join(below);
    let entries = fs::read_dir(&directory).with_context(|| format!("cannot list {}", directory.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", directory.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if matches!(&*name, "target" | ".git" | "__pycache__") {
            continue;
        }
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        let kind = entry.file_type().with_context(|| format!("cannot look at {path}"))?;
        if kind.is_dir() {
            collect(root, &path, files)?;
        } else if kind.is_file() {
            let bytes = fs::read(entry.path()).with_context(|| format!("cannot read {path}"))?;
            if let Ok(text) = String::from_utf8(bytes) {
                files.push(Source::new(path, text));
            }
        }
    }
    Ok(())
}
