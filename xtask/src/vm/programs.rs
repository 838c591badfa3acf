//! The test programs: built on the host, run in the machine; and what is left out there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use cargo_metadata::Message;

use super::jobs::Job;
use crate::test::RUNS;

/// Directories of crates whose tests say nothing about a kernel.
const TOOLS: [(&str, &str); 3] = [
    ("xtask", "starts cargo, and none of the product"),
    ("benches", "measures, which an emulation cannot"),
    ("zeroboot-hostile", "tests how programs are made, and runs none"),
];

/// Tests that the machine cannot pass, whatever the kernel does.
const LEFT_OUT: [(&str, &str); 3] = [
    ("ten_thousand_sandboxes_leave_nothing", "10,000 sandboxes at 0.3 s each are 50 minutes of emulation"),
    (
        "the_standard_library_passes",
        "its tests wait by the clock, and it takes a minute and a half without emulation",
    ),
    ("as_outside", "400 programs start an interpreter each, which takes seconds under emulation"),
];

/// A program that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// A test program and the directory that cargo would start it in.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Program {
    directory: PathBuf,
    /// What its sources are called.
    name: String,
    file: PathBuf,
}

impl Program {
    /// All of its tests whose name contains `filter`, but for what is left out.
    pub(super) fn job(&self, filter: Option<&str>) -> Job {
        // Without the first, libtest keeps what a passing test prints, and so its `SKIP`, to itself.
        let mut arguments = vec!["--show-output".to_owned()];
        arguments.extend(LEFT_OUT.iter().flat_map(|(name, _)| ["--skip".to_owned(), (*name).to_owned()]));
        arguments.extend(filter.map(str::to_owned));
        Job {
            name: filter.map_or_else(|| self.name.clone(), |filter| format!("{} {filter}", self.name)),
            directory: self.directory.clone(),
            program: self.file.clone(),
            arguments,
            limit: LIMIT,
        }
    }

    /// Whether its sources are called so, below such a directory.
    pub(super) fn is(&self, package: &str, name: &str) -> bool {
        self.directory.ends_with(package) && self.name == name
    }
}

/// Says what does not run in the machine.
pub(super) fn print_left_out() {
    let all = TOOLS.iter().map(|(name, why)| (format!("crate {name}"), why));
    for (name, why) in all.chain(LEFT_OUT.iter().map(|(name, why)| ((*name).to_owned(), why))) {
        eprintln!("left out: {name}: {why}");
    }
    eprintln!(
        "left out: numpy and pandas: their environment may belong to an interpreter that others cannot read"
    );
    eprintln!(
        "left out: controls of attacks: each takes as long as its attack, and `cargo xtask attack` runs them"
    );
}

/// Builds the programs that `cargo xtask test` runs, but for those of [`TOOLS`].
pub(super) fn build(root: &Path) -> anyhow::Result<Vec<Program>> {
    let mut programs = Vec::new();
    for selection in RUNS {
        programs.extend(build_run(root, selection)?);
    }
    programs.sort();
    programs.dedup();
    Ok(programs)
}

/// Builds the programs of one of [`RUNS`].
pub(super) fn build_run(root: &Path, selection: &[&str]) -> anyhow::Result<Vec<Program>> {
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--release", "--no-run", "--message-format=json-render-diagnostics"]);
    cargo.args(selection).current_dir(root).stdout(Stdio::piped());
    eprintln!("$ cargo test --release --no-run {}", selection.join(" "));
    let output = cargo.stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("cargo test --no-run {} ended with {}", selection.join(" "), output.status);
    }
    tests_among(&output.stdout)
}

/// The test programs in cargo's messages.
fn tests_among(messages: &[u8]) -> anyhow::Result<Vec<Program>> {
    let mut found = Vec::new();
    for message in Message::parse_stream(messages) {
        let Message::CompilerArtifact(artifact) = message.context("cannot read cargo's messages")? else {
            continue;
        };
        let (Some(file), true) = (artifact.executable, artifact.profile.test) else { continue };
        let directory = artifact.manifest_path.parent().context("a manifest lies in a directory")?;
        if TOOLS.iter().any(|(name, _)| directory.ends_with(name)) {
            continue;
        }
        found.push(Program { directory: directory.into(), name: artifact.target.name, file: file.into() });
    }
    Ok(found)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use super::tests_among;

    #[test]
    fn only_test_programs_are_taken() {
        let artifact = |package: &str, executable: &str, test: bool| {
            format!(
                r#"{{"reason":"compiler-artifact","package_id":"a","manifest_path":"/p/{package}/Cargo.toml","target":{{"kind":["test"],"crate_types":["bin"],"name":"a","src_path":"/p/a/a.rs","edition":"2024","doc":false,"doctest":false,"test":true}},"profile":{{"opt_level":"3","debuginfo":0,"debug_assertions":false,"overflow_checks":false,"test":{test}}},"features":[],"filenames":[],"executable":{executable},"fresh":true}}"#
            )
        };
        let messages = [
            artifact("a", "\"/p/t/a-1\"", true),
            artifact("a", "\"/p/t/a\"", false),
            artifact("a", "null", true),
            artifact("xtask", "\"/p/t/xtask-1\"", true),
        ]
        .join("\n");
        let found = tests_among(messages.as_bytes()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].file.to_str(), Some("/p/t/a-1"));
        assert_eq!(found[0].directory.to_str(), Some("/p/a"));
        assert!(found[0].is("a", "a") && !found[0].is("b", "a"));
        let job = found[0].job(Some("seal"));
        assert_eq!((job.name.as_str(), job.arguments.last().map(String::as_str)), ("a seal", Some("seal")));
    }
}
