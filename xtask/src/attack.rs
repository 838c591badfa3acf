//! `cargo xtask attack`: builds the command and the attack suite, and runs the one against the other.
//!
//! What the command's own seal names as missing is open, and so is what [`KNOWN`] admits: the suite lists both and does
//! not fail for them. Nothing else is passed over.

mod unproven;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};
use cargo_metadata::MetadataCommand;
use serde_json::Value;

/// What the command can waive, by the suite's names for layers: an attack that nothing else stops has a control.
const WAIVABLE: &str =
    "filter,landlock,capabilities,net-namespace,uts-namespace,cgroup-namespace,session,keyring,process-limit";

/// What no sandbox of this project holds, and why. Each name is a layer of the suite.
const KNOWN: [(&str, &str); 2] = [
    ("own-layout", "a fork without execve has its template's addresses and hash seed"),
    (
        "own-locks",
        "the sandboxes of a host share the files of the tree, and so their locks, which sqlite3 and others need",
    ),
];

/// Allowed by the base filter, and taken away by the delta filter.
const TAKEN_AWAY: [&str; 3] = ["clone3", "setns", "keyctl"];

/// Where the filter's tables stand.
const TABLES: &str = "crates/zeroboot-isolation/src/filter/calls.rs";

/// A machine to throw away.
const ARENA: &str = "crates/zeroboot-attack/arena/machine.py";

/// Runs the suite with these arguments and ends as it ended.
pub(crate) fn run(root: &Path, args: &[OsString]) -> anyhow::Result<ExitCode> {
    let built = Command::new("cargo")
        .args(["build", "--release", "--package", "zeroboot-cli", "--package", "zeroboot-attack"])
        .current_dir(root)
        .status()
        .context("cannot start cargo")?;
    if !built.success() {
        bail!("the command or the attack suite does not build");
    }
    let metadata = MetadataCommand::new().current_dir(root).no_deps().exec().context("cannot find target")?;
    let target = metadata.target_directory.into_std_path_buf();
    let programs = target.join("release");
    let zeroboot = programs.join("zeroboot");

    let mut open = missing(&zeroboot)?;
    eprintln!(
        "open, by the seal of a trial run: {}",
        if open.is_empty() { "none".to_owned() } else { open.join(", ") }
    );
    for (layer, why) in KNOWN {
        eprintln!("open, known: {layer}: {why}");
        open.push(layer.to_owned());
    }
    let tables = fs::read_to_string(root.join(TABLES)).with_context(|| format!("cannot read {TABLES}"))?;
    let calls = target.join("attack-calls");
    fs::write(&calls, documented_calls(&tables)?.join("\n"))
        .with_context(|| format!("cannot write {}", calls.display()))?;

    // What an ordinary user's controls reach depends on the machine more than on the attacks.
    let user = fs::metadata("/proc/self").context("cannot tell who runs this")?.uid();
    let expected = (user == 0).then(|| target.join("attack-unproven"));
    if let Some(file) = &expected {
        fs::write(file, unproven::lines()).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let command = format!("'{}' run -q", zeroboot.display());
    let status = Command::new(programs.join("zeroboot-attack"))
        .args([
            "--sandbox",
            &format!("{command} -"),
            "--pair",
            &format!("{command} --count 2 --parallel 2 -"),
        ])
        .args(["--open", &open.join(",")])
        .args(["--control", &format!("{command} --waive {{waived}} -"), "--waivable", WAIVABLE])
        .args(["--control-pair", &format!("{command} --count 2 --parallel 2 --waive {{waived}} -")])
        .args(["--arena", &format!("python3 '{}'", root.join(ARENA).display())])
        // Either place is made of namespaces, and bounded as the attacks are.
        .args(["--control-risk", "machine"])
        .args(expected.iter().flat_map(|file| [OsStr::new("--unproven"), file.as_os_str()]))
        .arg("--calls")
        .arg(&calls)
        .args(args)
        .current_dir(root)
        .status()
        .context("cannot start the attack suite")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The layers that the seal of a trial run lacks.
fn missing(zeroboot: &Path) -> anyhow::Result<Vec<String>> {
    let output = Command::new(zeroboot)
        .args(["run", "--json", "-c", "pass"])
        .output()
        .with_context(|| format!("cannot start {}", zeroboot.display()))?;
    let document: Value =
        serde_json::from_slice(&output.stdout).context("the trial run printed no JSON document")?;
    layers(&document).with_context(|| format!("the trial run has no seal: {}", document["error"]))
}

fn layers(document: &Value) -> Option<Vec<String>> {
    let missing = document["seal"]["missing"].as_array()?;
    missing.iter().map(|each| Some(layer(each.as_str()?))).collect()
}

/// The suite's name for what a seal lacks.
fn layer(missing: &str) -> String {
    match missing {
        "own user id" => "own-user".to_owned(),
        other => other.replace(' ', "-"),
    }
}

/// The names in the table of allowed calls, as a sandbox has them in the end.
fn documented_calls(tables: &str) -> anyhow::Result<Vec<&str>> {
    let (_, after) = tables.split_once("pub const ALLOWED").context("no table of allowed calls")?;
    let (allowed, _) = after.split_once("pub const REFUSED").context("no table of refused calls")?;
    let names = allowed.split_whitespace().filter_map(|word| word.strip_prefix("SYS_"));
    Ok(names.filter(|name| !TAKEN_AWAY.contains(name)).collect())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use serde_json::json;

    use super::{documented_calls, layers};

    #[test]
    fn what_is_missing_becomes_layers() {
        let document = json!({ "seal": { "missing": ["memory limit", "own user id", "landlock"] } });
        assert_eq!(layers(&document).unwrap(), ["memory-limit", "own-user", "landlock"]);
        assert_eq!(layers(&json!({ "seal": null, "error": "no" })), None);
    }

    #[test]
    fn the_allowed_calls_are_those_of_the_table() {
        let tables = "SYS_no\npub const ALLOWED = [\"a\", SYS_read SYS_setns\nSYS_write ];\npub const REFUSED = SYS_bpf";
        assert_eq!(documented_calls(tables).unwrap(), ["read", "write"]);
        let tables = include_str!("../../crates/zeroboot-isolation/src/filter/calls.rs");
        let calls = documented_calls(tables).unwrap();
        assert!(calls.len() > 200 && calls.contains(&"openat") && !calls.contains(&"bpf"));
        assert!(
            calls.iter().all(|name| name.chars().all(|letter| letter.is_alphanumeric() || letter == '_'))
        );
    }
}
