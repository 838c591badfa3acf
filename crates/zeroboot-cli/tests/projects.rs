//! `--dir`, `--out` and views in the working directory, as people and programs use them.

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::{ExitCode, Output};

use common::{expect, run, skip, zeroboot};
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

fn main() -> ExitCode {
    run(vec![
        Trial::test("a_directory_is_worked_on_and_its_changes_come_out", dir_and_out),
        Trial::test("json_lists_what_came_out", json_lists),
        Trial::test("each_of_many_has_a_directory", many),
        Trial::test("what_cannot_be_done_has_a_cause_and_a_remedy", failures),
    ])
}

/// A project, and room for what comes out; gone with the test.
struct Project(PathBuf);

impl Project {
    fn new(name: &str) -> Result<Self, Failed> {
        let project = Self(std::env::temp_dir().join(format!("zeroboot-cli-{}-{name}", std::process::id())));
        fs::create_dir_all(project.0.join("project"))?;
        fs::write(project.0.join("project/data"), "one")?;
        Ok(project)
    }

    fn path(&self, below: &str) -> String {
        self.0.join(below).display().to_string()
    }

    fn read(&self, below: &str) -> Result<String, Failed> {
        fs::read_to_string(self.0.join(below)).map_err(|error| format!("{below}: {error}").into())
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        // What cannot be removed is not worth a second panic.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Whether this kernel, or the file system of the project, has no way to make a copy-on-write view of it; says so.
fn is_impossible(output: &Output) -> Result<bool, Failed> {
    let said = String::from_utf8_lossy(&output.stderr);
    let impossible = output.status.code() == Some(125)
        && ["cannot make a copy-on-write view", "cannot be made the sandbox's own"]
            .iter()
            .any(|it| said.contains(it));
    if impossible { skip(&said).map(|()| true) } else { Ok(false) }
}

fn dir_and_out() -> Result<(), Failed> {
    let project = Project::new("both")?;
    let view = format!("{}:/home/sandbox/in/view", project.path("project/data"));
    let code = "
import sys
print(open('data').read(), open('in/view').read())
open('data', 'a').write(' more'); open('in/new', 'w').write('new')
sys.exit(3)";
    let (dir, out) = (project.path("project"), project.path("out"));
    let output = zeroboot(&["--dir", &dir, "--out", &out, "--ro", &view, "-c", code]).output()?;
    if is_impossible(&output)? {
        return Ok(());
    }
    expect("its own status", output.status.code() == Some(3) && output.stdout == b"one one\n", &output)?;
    expect(
        "no word of what was left out",
        !String::from_utf8_lossy(&output.stderr).contains("not copied"),
        &output,
    )?;
    let found = [project.read("project/data")?, project.read("out/data")?, project.read("out/in/new")?];
    if found != ["one", "one more", "new"] || project.0.join("out/in/view").exists() {
        return Err(format!("{found:?}").into());
    }
    let link = "import os; os.symlink('/etc/passwd', 'a\\x1b')";
    let output = zeroboot(&["--out", &out, "-c", link]).output()?;
    let said = "zeroboot: not copied: \"a\\u{1b}\": it is a symbolic link\n";
    expect("what was left out", String::from_utf8_lossy(&output.stderr).contains(said), &output)
}

fn json_lists() -> Result<(), Failed> {
    let project = Project::new("json")?;
    let code =
        "import os; open(b'\\xff', 'w').write('x'); open('a', 'w').write('four'); os.mkfifo('pipe'); 1 / 0";
    let output = zeroboot(&["--json", "--out", &project.path("out"), "-c", code]).output()?;
    let document: Value = serde_json::from_slice(&output.stdout)?;
    let files = json!([{"path": "a", "bytes": 4}, {"path": "\u{fffd}", "path_b64": "/w==", "bytes": 1}]);
    let left_out = json!([{"path": "pipe", "reason": "it is a pipe, a socket or a device"}]);
    expect("files", document["files"] == files && document["left_out"] == left_out, &output)?;
    let output = zeroboot(&["--json", "-c", "1"]).output()?;
    let document: Value = serde_json::from_slice(&output.stdout)?;
    expect("none without --out", document.get("files").is_none(), &output)
}

fn many() -> Result<(), Failed> {
    let project = Project::new("many")?;
    let (dir, out) = (project.path("project"), project.path("out"));
    let code = "print(open('data').read()); open('data', 'w').write('changed'); open('own', 'w').write('x')";
    let arguments = ["-q", "--dir", &dir, "--out", &out, "--count", "6", "--parallel", "3", "-c", code];
    let output = zeroboot(&arguments).output()?;
    if is_impossible(&output)? {
        return Ok(());
    }
    expect("each sees the first", output.stdout == "one\n".repeat(6).as_bytes(), &output)?;
    for number in 1..=6 {
        let found =
            (project.read(&format!("out/{number}/data"))?, project.read(&format!("out/{number}/own"))?);
        if found != ("changed".to_owned(), "x".to_owned()) {
            return Err(format!("{found:?}").into());
        }
    }
    let count = fs::read_dir(&out)?.count();
    if count == 6 && project.read("project/data")? == "one" { Ok(()) } else { Err(format!("{count}").into()) }
}

fn failures() -> Result<(), Failed> {
    let project = Project::new("failures")?;
    let file = project.path("project/data");
    for (arguments, cause) in [
        (["--dir", &file], "is not a directory"),
        (["--dir", "/no/such/directory"], "No such file"),
        (["--out", &format!("{file}/below")], "cannot copy files to"),
        (["--ro", &format!("{file}:/home/sandbox")], "is private there"),
    ] {
        let output = zeroboot(&arguments).args(["-c", "1"]).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        expect(cause, output.status.code() == Some(125) && said.contains(cause), &output)?;
        expect("a remedy", said.trim_end().lines().count() == 2, &output)?;
    }
    Ok(())
}
