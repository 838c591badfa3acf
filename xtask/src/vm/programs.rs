//! The test programs: built on the host, run in the machine; and what is left out there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use cargo_metadata::Message;

use crate::test::RUNS;

/// Directories of crates whose tests say nothing about a kernel.
const TOOLS: [(&str, &str); 2] =
    [("xtask", "starts cargo, and none of the product"), ("benches", "measures, which an emulation cannot")];

/// Tests that the machine cannot pass, whatever the kernel does.
pub(super) const LEFT_OUT: [(&str, &str); 6] = [
    ("ten_thousand_sandboxes_leave_nothing", "10,000 sandboxes at 0.3 s each are 50 minutes of emulation"),
    (
        "the_standard_library_passes",
        "its tests wait by the clock, and it takes a minute and a half without emulation",
    ),
    ("a_view_is_readable_in_its_place_and_not_writable", "it writes below target, which the machine cannot"),
    ("a_view_without_a_place_is_at_its_own", "it writes below target, which the machine cannot"),
    ("a_cause_is_told_once", "it writes below target, which the machine cannot"),
    ("cpu_time_is_counted_where_it_is_spent", "it fails under emulation, and nobody has found out why"),
];

/// A test program and the directory that cargo would start it in.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Program {
    pub(super) directory: PathBuf,
    pub(super) file: PathBuf,
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
}

/// Builds the programs that `cargo xtask test` runs, but for those of [`TOOLS`].
pub(super) fn build(root: &Path) -> anyhow::Result<Vec<Program>> {
    let mut programs = Vec::new();
    for selection in RUNS {
        let mut cargo = Command::new("cargo");
        cargo.args(["test", "--release", "--no-run", "--message-format=json-render-diagnostics"]);
        cargo.args(selection).current_dir(root).stdout(Stdio::piped());
        eprintln!("$ cargo test --release --no-run {}", selection.join(" "));
        let output = cargo.stderr(Stdio::inherit()).output().context("cannot start cargo")?;
        if !output.status.success() {
            bail!("cargo test --no-run {} ended with {}", selection.join(" "), output.status);
        }
        programs.extend(tests_among(&output.stdout)?);
    }
    programs.sort();
    programs.dedup();
    Ok(programs)
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
        found.push(Program { directory: directory.into(), file: file.into() });
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
    }
}
