//! What the command says of limits that sandboxes have met, and of one that does not hold for a whole sandbox.

mod common;

use std::process::ExitCode;

use common::{expect, run, skip, zeroboot};
use libtest_mimic::{Failed, Trial};
use serde_json::Value;

fn main() -> ExitCode {
    run(vec![
        Trial::test("private_space_that_is_used_up_is_told", private_space),
        Trial::test("open_files_that_are_used_up_are_told", open_files),
        Trial::test("limits_that_were_not_met_are_not_told", not_met),
        Trial::test("a_memory_limit_of_each_process_is_told", memory_of_each),
    ])
}

const FULL: &str = "open('/tmp/x', 'wb').write(b'x' * (4 << 20))";
const OPEN: &str = "all = []\nwhile True: all.append(open('/dev/null'))";

fn private_space() -> Result<(), Failed> {
    met(["--tmp", "1M"], FULL, "tmp", "private space")
}

fn open_files() -> Result<(), Failed> {
    if std::fs::metadata("/proc/self/fd")?.len() == 0 {
        return skip("open files at their limit: this kernel does not count descriptors");
    }
    met(["--files", "64"], OPEN, "files", "open files")
}

/// That a script which fails by this limit has met it, by its name and in words, alone and among others.
fn met(limit: [&str; 2], code: &str, name: &str, what: &str) -> Result<(), Failed> {
    let script = ["-c", code];
    let output = zeroboot(&[limit, script].concat()).output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let is_told = said.lines().last().is_some_and(|line| {
        line.starts_with("zeroboot: ") && line.ends_with(&format!("met its limit of {what}"))
    });
    expect(what, is_told && output.status.code() == Some(1), &output)?;

    let output = zeroboot(&[&limit[..], &["--json"], &script].concat()).output()?;
    let document: Value = serde_json::from_slice(&output.stdout)?;
    expect(name, document["limits_met"] == Value::from(vec![name]), &output)?;

    let output = zeroboot(&[&limit[..], &["--count", "2"], &script].concat()).output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    expect("the summary", said.contains(&format!("2 met their limit of {what}")), &output)
}

fn not_met() -> Result<(), Failed> {
    let code = "import os\nopen('x', 'wb').write(b'x' * 1000)\nopen('/dev/null')";
    let output = zeroboot(&["--json", "-c", code]).output()?;
    let document: Value = serde_json::from_slice(&output.stdout)?;
    expect("nothing", document["limits_met"] == Value::from(Vec::<String>::new()), &output)?;
    let output = zeroboot(&["-c", code]).output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    expect("no words", said.starts_with("zeroboot: exited with 0") && !said.contains("limit"), &output)
}

fn memory_of_each() -> Result<(), Failed> {
    let said = |more: &[&str]| -> Result<bool, Failed> {
        let output = zeroboot(&[more, &["-c", "1"]].concat()).output()?;
        expect("it runs", output.status.success(), &output)?;
        Ok(String::from_utf8_lossy(&output.stderr).contains("memory limited per process"))
    };
    let is_told = said(&["--memory", "64M", "--waive", "cgroup"])?;
    let is_told_without_limit = said(&["--waive", "cgroup"])?;
    match (is_told, is_told_without_limit) {
        (true, false) => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}
