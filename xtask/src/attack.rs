//! `cargo xtask attack`: builds the command and the attack suite, and runs the one against the other.
//!
//! What the command's own seal names as missing is open, and so is what [`KNOWN`] admits: the suite lists both and does
//! not fail for them. Nothing else is passed over.

mod unproven;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};
use cargo_metadata::MetadataCommand;
use serde_json::Value;

/// What the command can waive, by the suite's names for layers: an attack that nothing else stops has a control.
const WAIVABLE: &str =
    "filter,landlock,capabilities,net-namespace,uts-namespace,cgroup-namespace,session,keyring,process-limit";

/// What no sandbox of this project holds, and why. Each name is a layer of the suite.
const KNOWN: [(&str, &str); 5] = [
    ("own-layout", "a fork without execve has its template's addresses and hash seed"),
    (
        "own-locks",
        "the sandboxes of a host share the files of the tree, and so their locks, which sqlite3 and others need",
    ),
    ("own-futexes", "any process that maps a file of the tree can wait on it, by the same call as threads"),
    (
        "own-socket-lists",
        "the sandboxes of a template have one empty network namespace: /proc lists what is in it, and a name is taken once",
    ),
    (
        "own-mount-list",
        "/proc lists mounts with the paths and disks that they come from, and has no option to leave them out",
    ),
];

/// Allowed by the base filter, and taken away by the delta filter.
const TAKEN_AWAY: [&str; 3] = ["clone3", "setns", "keyctl"];

/// Where the filter's tables stand.
const TABLES: &str = "crates/zeroboot-isolation/src/filter/allowed.rs";

/// A machine to throw away.
const ARENA: &str = "crates/zeroboot-attack/arena/machine.py";

/// What the sandbox's command is given in a virtual machine. More time, lest its usual deadline hold what nothing else would;
/// the attack on the deadline itself waits for 45 seconds. And limits, since there the kernel can bound a whole sandbox.
const IN_MACHINE: &str = " --timeout 40s --memory 256M --cpus 1.0";

/// Attacks for which a sandbox with a loopback of its own has other walls, since it makes sockets.
const WITH_LOOPBACK: [&str; 7] = [
    "network/odd-protocols",
    "network/raw-packets",
    "network/link-layer",
    "network/reach-loopback",
    "network/route-out",
    "channels/loopback",
    "channels/abstract-name",
];

/// Runs the suite with these arguments and ends as it ended; without arguments, some of it with a loopback afterwards.
pub(crate) fn run(root: &Path, args: &[OsString]) -> anyhow::Result<ExitCode> {
    let target = build(root)?;
    // What an ordinary user's controls reach depends on the machine more than on the attacks.
    let user = fs::metadata("/proc/self").context("cannot tell who runs this")?.uid();
    let expected = (user == 0).then(|| target.join("attack-unproven"));
    if let Some(file) = &expected {
        fs::write(file, unproven::lines()).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let (open, command) = (open_layers(&target, "")?, command(&target));
    let status = suite(&target, &command, &open)
        .args(["--control", &format!("{command} --waive {{waived}} -"), "--waivable", WAIVABLE])
        .args(["--control-pair", &format!("{command} --count 2 --parallel 2 --waive {{waived}} -")])
        .args(["--arena", &format!("python3 '{}'", root.join(ARENA).display())])
        // Either place is made of namespaces, and bounded as the attacks are.
        .args(["--control-risk", "machine"])
        .args(expected.iter().flat_map(|file| [OsStr::new("--unproven"), file.as_os_str()]))
        .args(args)
        .current_dir(root)
        .status()
        .context("cannot start the attack suite")?;
    let status = if status.success() && args.is_empty() {
        println!("\nwith a loopback:");
        suite(&target, &format!("{command} --network loopback"), &open)
            .args(["--attack", &WITH_LOOPBACK.join(",")])
            .status()
            .context("cannot start the attack suite")?
    } else {
        status
    };
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Runs what [`build`] has left in `target`, without controls: where there is no cargo, as in a virtual machine. The suite
/// runs once for each pattern that its attacks shall contain; for all of them if there is none.
pub(crate) fn run_built(target: &Path, patterns: &[String]) -> anyhow::Result<ExitCode> {
    let (open, command) = (open_layers(target, IN_MACHINE)?, command(target) + IN_MACHINE);
    let selections: Vec<_> = match patterns {
        [] => vec![Vec::new()],
        patterns => patterns.iter().map(|pattern| vec!["--only", pattern]).collect(),
    };
    let mut code = ExitCode::SUCCESS;
    for selection in selections {
        let status = suite(target, &command, &open).args(selection).status();
        if !status.context("cannot start the attack suite")?.success() {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

/// Builds the command and the suite, and tells the target directory, which [`run_built`] takes.
pub(crate) fn build(root: &Path) -> anyhow::Result<PathBuf> {
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
    let tables = fs::read_to_string(root.join(TABLES)).with_context(|| format!("cannot read {TABLES}"))?;
    let calls = calls_file(&target);
    fs::write(&calls, documented_calls(&tables)?.join("\n"))
        .with_context(|| format!("cannot write {}", calls.display()))?;
    Ok(target)
}

/// What the suite is told about the calls that a sandbox has.
fn calls_file(target: &Path) -> PathBuf {
    target.join("attack-calls")
}

/// What sandboxes with these options do not hold on this machine, by the suite's names: by a seal, and by [`KNOWN`].
fn open_layers(target: &Path, options: &str) -> anyhow::Result<Vec<String>> {
    let mut open = missing(&target.join("release/zeroboot"), options)?;
    eprintln!(
        "open, by the seal of a trial run: {}",
        if open.is_empty() { "none".to_owned() } else { open.join(", ") }
    );
    for (layer, why) in KNOWN {
        eprintln!("open, known: {layer}: {why}");
        open.push(layer.to_owned());
    }
    Ok(open)
}

/// The sandbox, without the program that it runs.
fn command(target: &Path) -> String {
    format!("'{}' run -q --ro '{{shown}}:/opt/shown'", target.join("release/zeroboot").display())
}

/// The suite against such a sandbox.
fn suite(target: &Path, command: &str, open: &[String]) -> Command {
    let mut suite = Command::new(target.join("release/zeroboot-attack"));
    suite.args(["--sandbox", &format!("{command} -")]);
    suite.args(["--pair", &format!("{command} --count 2 --parallel 2 -"), "--open", &open.join(",")]);
    suite.arg("--calls").arg(calls_file(target));
    suite
}

/// The layers that the seal of a trial run lacks.
fn missing(zeroboot: &Path, options: &str) -> anyhow::Result<Vec<String>> {
    let output = Command::new(zeroboot)
        .args(["run", "--json"])
        .args(options.split_whitespace())
        .args(["-c", "pass"])
        .output()
        .with_context(|| format!("cannot start {}", zeroboot.display()))?;
    let document: Value =
        serde_json::from_slice(&output.stdout).context("the trial run printed no JSON document")?;
    layers(&document).with_context(|| format!("the trial run has no seal: {}", document["error"]))
}

fn layers(document: &Value) -> Option<Vec<String>> {
    let missing = document["seal"]["missing"].as_array()?;
    let names = missing.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?;
    // A cgroup is a means: what it would bound has names of its own.
    Some(names.into_iter().filter(|name| *name != "cgroup").map(layer).collect())
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
    let words = after.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    let names = words.filter_map(|word| word.strip_prefix("SYS_"));
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
        let tables = "SYS_no\npub const ALLOWED = [\"a\", SYS_read[FLAGS], SYS_setns:\nSYS_write];\npub const SOCKETS = SYS_bind";
        assert_eq!(documented_calls(tables).unwrap(), ["read", "write", "bind"]);
        let tables = include_str!("../../crates/zeroboot-isolation/src/filter/allowed.rs");
        let calls = documented_calls(tables).unwrap();
        assert!(calls.len() > 200 && calls.contains(&"openat") && !calls.contains(&"setns"));
        assert!(
            calls.iter().all(|name| name.chars().all(|letter| letter.is_alphanumeric() || letter == '_'))
        );
    }
}
