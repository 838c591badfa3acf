//! What the command says when it could not do it: always 125, and on standard error a cause and a remedy.

mod common;

use std::fs::{File, OpenOptions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, ExitCode, Output, Stdio};

use common::{TestFile, expect, run, zeroboot};
use libtest_mimic::{Failed, Trial};

fn main() -> ExitCode {
    run(vec![
        Trial::test("own_failures_are_125_with_cause_and_remedy", own_failures),
        Trial::test("an_interpreter_that_is_too_old_is_told_by_its_version", old_interpreters),
        Trial::test("a_command_line_that_is_not_understood_is_named", usage),
        Trial::test("a_wrong_policy_is_named_by_its_line", policies),
        Trial::test("a_stream_that_fails_is_named", streams),
        Trial::test("what_a_warm_file_prints_is_shown", warm_file),
        Trial::test("help_and_version_are_no_failures", help),
    ])
}

/// That it is a failure of the command itself, whose cause and remedy hold these words.
fn refuses(output: &Output, cause: &str, remedy: &str) -> Result<(), Failed> {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<&str> = said.lines().collect();
    let fine = output.status.code() == Some(125)
        && lines.len() == 2
        && lines[0].strip_prefix("zeroboot: ").is_some_and(|line| line.contains(cause))
        && lines[1].strip_prefix("  remedy: ").is_some_and(|line| line.contains(remedy));
    expect(cause, fine, output)
}

fn own_failures() -> Result<(), Failed> {
    let code = "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n";
    let thread = TestFile::new("thread.py", code)?;
    let thread = thread.0.display().to_string();
    for (arguments, cause) in [
        (vec!["/no/such/script.py"], "/no/such/script.py"),
        (vec!["--python", "/no/such/python3", "-c", "1"], "/no/such/python3"),
        (vec!["--import", "no_such_module", "-c", "1"], "no_such_module'; looked in /"),
        (vec!["--warm", &thread, "-c", "1"], "thread"),
        (vec!["--ro", "/no/such/data", "-c", "1"], "/no/such/data"),
        (vec!["--ro", "/usr:data", "-c", "1"], "\"data\""),
        (vec!["--ro", "/usr:/dev/shm/usr", "-c", "1"], "is private"),
    ] {
        let output = zeroboot(&arguments).output()?;
        refuses(&output, cause, "")?;
    }
    let output = zeroboot(&["-c", "1"]).env_remove("PATH").output()?;
    refuses(&output, "PATH is not set", "--python /usr/bin/python3")
}

/// In the place of interpreters that few machines still have: one that does not know `-I`, and one that does.
fn old_interpreters() -> Result<(), Failed> {
    let python2 = "#!/bin/sh\n[ \"$1\" != -I ] || { echo 'Unknown option: -I' >&2; exit 2; }\nprintf 2.7\n";
    let python3 = "#!/bin/sh\necho '{\"executable\": \"/python3\", \"flags\": \"\", \"version\": [3, 8], \
        \"path\": [], \"prefixes\": []}'\n";
    for (name, text, cause) in
        [("python2", python2, "Python 2.7: too old"), ("python3", python3, "Python 3.8: too old")]
    {
        let program = TestFile::new(name, text)?;
        std::fs::set_permissions(&program.0, std::fs::Permissions::from_mode(0o755))?;
        let path = program.0.display().to_string();
        refuses(&zeroboot(&["--python", &path, "-c", "1"]).output()?, cause, "Python 3.9 or newer")?;
    }
    Ok(())
}

fn usage() -> Result<(), Failed> {
    for (arguments, cause, remedy) in [
        (&["--jsn", "-c", "1"][..], "'--jsn'", "'--json'"),
        (&["-x"], "'-x'", "zeroboot run --help"),
        (&[], "SCRIPT", "zeroboot run --help"),
        (&["--count", "0", "-c", "1"], "--count", "zeroboot run --help"),
        (&["--timeout", "1y", "-c", "1"], "unit \"y\"", "zeroboot run --help"),
        (&["--waive", "walls", "-c", "1"], "one of filter", "zeroboot run --help"),
        (&["--env"], "--env", "zeroboot run --help"),
        (&["--memory", "10", "-c", "1"], "10 bytes", "--memory 10M"),
        (&["--tmp", "4", "-c", "1"], "4 bytes", "--tmp 4M"),
    ] {
        refuses(&zeroboot(arguments).output()?, cause, remedy)?;
    }
    let command = |arguments: &[&str]| Command::new(env!("CARGO_BIN_EXE_zeroboot")).args(arguments).output();
    refuses(&command(&["runn"])?, "'runn'", "'run'")
}

/// Before anything is started: the interpreter does not exist either, and is not what is complained about.
fn policies() -> Result<(), Failed> {
    let refused =
        |path: &str| zeroboot(&["--policy", path, "--python", "/no/such/python3", "-c", "1"]).output();
    for (text, cause, remedy) in [
        ("[limits]\npid = 3\n", "line 2: unknown field `pid`", "pids"),
        ("[limits]\npids = 0\n", "line 2: 0 is too few", "1 or more"),
        ("[limits]\n\ntmp = \"1X\"\n", "line 3: the unit", "64M"),
        ("[protections]\nwall = \"waive\"\n", "line 2: there is no protection \"wall\"", "landlock"),
        ("[protections]\nfilter = \"off\"\n", "line 2: there is no rule \"off\"", "waive"),
        ("network = \"host\"\n", "line 1: there is no network", "none"),
        ("[limits\n", "line 1: ", "[limits]"),
    ] {
        let file = TestFile::new("policy.toml", text)?;
        refuses(&refused(file.0.to_str().ok_or("a path")?)?, cause, remedy)?;
    }
    refuses(&refused("/no/such/policy.toml")?, "/no/such/policy.toml", "strict")
}

fn streams() -> Result<(), Failed> {
    let full = || OpenOptions::new().write(true).open("/dev/full");
    let script = ["-q", "-c", "print('x', flush=True); import sys; sys.stdin.read()"];
    let json = ["--json", "-c", "1"];
    let many = ["-q", "--count", "2", "-c", "print(1)"];
    for arguments in [&script[..], &json, &many] {
        let output =
            zeroboot(arguments).stdout(full()?).stderr(Stdio::piped()).spawn()?.wait_with_output()?;
        refuses(&output, "standard output", "make room")?;
    }
    let directory = || File::open("/");
    refuses(&zeroboot(&script).stdin(directory()?).output()?, "standard input", "a file, a pipe")?;
    refuses(&zeroboot(&["-"]).stdin(directory()?).output()?, "standard input", "a file, a pipe")?;
    // What is written as the script goes is the script's own affair; a document is this command's.
    for arguments in [&json[..], &["--json", "--count", "2", "-c", "1"], &many] {
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        let output = zeroboot(arguments).stdout(writer).stderr(Stdio::piped()).spawn()?.wait_with_output()?;
        refuses(&output, "standard output", "reader")?;
    }
    Ok(())
}

fn warm_file() -> Result<(), Failed> {
    let failing = TestFile::new("failing.py", "print('loading'); raise ValueError('no data')")?;
    let path = failing.0.display().to_string();
    let output = zeroboot(&["--warm", &path, "-c", "1"]).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let cause = format!(
        "loading\nzeroboot: the warm-up file {path} failed: ValueError: no data\n  remedy: run the file"
    );
    expect(
        "what it printed, then why",
        output.status.code() == Some(125) && said.starts_with(&cause),
        &output,
    )?;
    let ending = TestFile::new("ending.py", "import os; os._exit(3)")?;
    let output = zeroboot(&["--warm", &ending.0.display().to_string(), "-c", "1"]).output()?;
    refuses(&output, "the template ended while it warmed up (exit status 3)", "")?;

    let fine = TestFile::new("fine.py", "print('loaded')")?;
    let run = ["-q", "--warm", &fine.0.display().to_string(), "-c", "print(1)"];
    let output = zeroboot(&run).output()?;
    expect("both", output.stdout == b"1\n" && output.stderr == b"loaded\n", &output)
}

fn help() -> Result<(), Failed> {
    for (arguments, word) in
        [(&["--help"][..], "Usage: zeroboot"), (&[], "Usage: zeroboot"), (&["version"], "zeroboot ")]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_zeroboot")).args(arguments).output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let fine = output.status.success() && said.contains(word) && output.stderr.is_empty();
        expect(word, fine, &output)?;
    }
    Ok(())
}
