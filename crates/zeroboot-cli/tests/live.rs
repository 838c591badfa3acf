//! Output as it comes, input for many sandboxes, and the last words of a script.

#[path = "common/terminal.rs"]
mod terminal;

mod common;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitCode, Stdio};

use common::{TestFile, expect, run, zeroboot};
use libtest_mimic::{Failed, Trial};
use terminal::Terminal;

fn main() -> ExitCode {
    run(vec![
        Trial::test("lines_and_prompts_appear_at_a_terminal", terminal),
        Trial::test("unbuffered_output_arrives_in_a_pipe", unbuffered),
        Trial::test("many_sandboxes_read_the_same_input", many_read),
        Trial::test("many_sandboxes_refuse_a_terminal", many_at_a_terminal),
        Trial::test("what_was_passed_on_arrives_at_the_deadline", deadline),
        Trial::test("a_script_may_clean_up_before_its_deadline", grace),
        Trial::test("a_module_runs_with_its_arguments", module),
        Trial::test("a_shown_script_runs_in_its_place", shown),
        Trial::test("a_setting_that_comes_too_late_is_reported", late_setting),
        Trial::test("a_warm_up_prints_to_standard_error", warm_up),
        Trial::test("a_script_that_wants_the_internet_has_a_line_about_it", network),
    ])
}

/// Each line is answered, so that nothing comes but what was passed on at once.
fn terminal() -> Result<(), Failed> {
    let code = "import sys\nprint('a line')\nprint('name: ', end='')\nprint('hello', sys.stdin.readline())";
    let program = env!("CARGO_BIN_EXE_zeroboot");
    let mut terminal = Terminal::start(Command::new(program).args(["run", "-q", "-c", code]))?;
    terminal.until(|screen| screen.contents().contains("a line\nname: "))?;
    terminal.press("Ann\r")?;
    terminal.until(|screen| screen.contents().contains("hello Ann"))?;
    Ok(())
}

/// The script waits for an answer to what it has printed.
fn unbuffered() -> Result<(), Failed> {
    let code = "print('first')\nprint('second', input())";
    for options in [vec!["-u"], vec!["--env", "PYTHONUNBUFFERED=1"]] {
        let mut child = zeroboot(&[&["-q"], options.as_slice(), &["-c", code]].concat())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (mut input, output) = (input.ok_or("no input")?, output.ok_or("no output")?);
        let mut lines = BufReader::new(output).lines();
        let first = lines.next().transpose()?;
        input.write_all(b"answer\n")?;
        let second = lines.next().transpose()?;
        child.wait()?;
        if [first.as_deref(), second.as_deref()] != [Some("first"), Some("second answer")] {
            return Err(format!("{options:?}: {first:?} {second:?}").into());
        }
    }
    Ok(())
}

fn many_read() -> Result<(), Failed> {
    let code = "import sys; print(len(sys.stdin.read()))";
    let file = TestFile::new("input", &"x".repeat(200_000))?;
    for kind in ["file", "pipe", "nothing"] {
        let (input, wanted) = match kind {
            "file" => (Stdio::from(std::fs::File::open(&file.0)?), "200000\n".repeat(3)),
            "pipe" => {
                let (reader, mut writer) = std::io::pipe()?;
                // It fits into the pipe.
                writer.write_all(&[b'y'; 50_000])?;
                (Stdio::from(reader), "50000\n".repeat(3))
            }
            _ => (Stdio::null(), "0\n".repeat(3)),
        };
        let mut command = zeroboot(&["-q", "--count", "3", "--parallel", "2", "-c", code]);
        let output = command.stdin(input).output()?;
        expect(kind, String::from_utf8_lossy(&output.stdout) == wanted, &output)?;
    }
    // One that reads nothing does not wait for the end of a pipe that stays open.
    let (reader, writer) = std::io::pipe()?;
    let output = zeroboot(&["-q", "--count", "2", "-c", "print(1)"]).stdin(reader).output()?;
    drop(writer);
    expect("an open pipe", output.stdout == b"1\n1\n", &output)
}

fn many_at_a_terminal() -> Result<(), Failed> {
    let program = env!("CARGO_BIN_EXE_zeroboot");
    let mut terminal =
        Terminal::start(Command::new(program).args(["run", "-q", "--count", "2", "-c", "print(1)"]))?;
    terminal.until(|screen| screen.contents().contains("cannot share a terminal"))?;
    Ok(())
}

fn deadline() -> Result<(), Failed> {
    let code =
        "import sys, time\nsys.stdout.write('passed on')\nsys.stdout.flush()\nwhile True: time.sleep(9)";
    let output = zeroboot(&["-q", "--timeout", "1s", "-c", code]).output()?;
    expect("at the deadline", output.status.code() == Some(124) && output.stdout == b"passed on", &output)
}

fn grace() -> Result<(), Failed> {
    let code = "
import signal, sys, time
def clean_up(*_):
    print('cleaned up')
    sys.exit(3)
signal.signal(signal.SIGTERM, clean_up)
while True: time.sleep(9)";
    let output = zeroboot(&["-q", "--timeout", "33s", "--grace", "30s", "-c", code]).output()?;
    expect("its own end", output.status.code() == Some(3) && output.stdout == b"cleaned up\n", &output)?;
    let output =
        zeroboot(&["-q", "--timeout", "33s", "--grace", "30s", "-c", "while True: pass"]).output()?;
    expect("the default action", output.status.code() == Some(143), &output)
}

fn module() -> Result<(), Failed> {
    let output = zeroboot(&["-q", "-m", "calendar", "--help"]).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    expect("a module", output.status.success() && said.starts_with("usage: "), &output)
}

fn shown() -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let place = directory.path();
    std::fs::write(place.join("helper.py"), "value = 7\n")?;
    let script = place.join("main.py");
    std::fs::write(
        &script,
        "import os, sys, helper\nprint(helper.value, __file__, sys.path[0], os.getcwd())\n",
    )?;
    let view = format!("{}:/project", place.display());
    let script = script.to_str().ok_or("a path")?;
    let output = zeroboot(&["-q", "--ro", &view, script]).output()?;
    let wanted = "7 /project/main.py /project /home/sandbox\n";
    expect("its place", String::from_utf8_lossy(&output.stdout) == wanted, &output)
}

fn late_setting() -> Result<(), Failed> {
    let output = zeroboot(&["--env", "PYTHONHASHSEED=0", "-c", "1"]).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    expect("a warning", said.matches("PYTHONHASHSEED has no effect").count() == 1, &output)?;
    let code = "import sys; print(sys.flags.hash_randomization)";
    let output = zeroboot(&["-q", "--warm-env", "PYTHONHASHSEED=0", "-c", code]).output()?;
    expect("the warm-up's", output.stdout == b"0\n", &output)
}

fn warm_up() -> Result<(), Failed> {
    let file = TestFile::new("prints.py", "print('the warm-up prints')\n")?;
    let path = file.0.to_str().ok_or("a path")?;
    let output = zeroboot(&["-q", "--warm", path, "-c", "print(1)"]).output()?;
    expect("both", output.stdout == b"1\n" && output.stderr == b"the warm-up prints\n", &output)
}

fn network() -> Result<(), Failed> {
    let internet = "import socket; socket.create_connection(('127.0.0.1', 9))";
    let name = "import urllib.request; urllib.request.urlopen('http://example.org/')";
    let other = "import os; os.kill(1, 9)";
    for (code, options, wanted) in [
        (internet, &[][..], true),
        (name, &[], true),
        (other, &[], false),
        (internet, &["--network", "loopback"], false),
    ] {
        let output = zeroboot(&[options, &["-c", code]].concat()).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        let is_said = said.matches("zeroboot: the network is off").count() == 1;
        expect(code, output.status.code() == Some(1) && is_said == wanted, &output)?;
    }
    Ok(())
}
