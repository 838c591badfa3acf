//! `zeroboot top`: in a real terminal, and as a plain table.

mod common;
#[path = "common/terminal.rs"]
mod terminal;

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, Stdio};

use common::{expect, run, zeroboot};
use libtest_mimic::{Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};
use terminal::Terminal;

fn main() -> ExitCode {
    run(vec![
        Trial::test("a_running_sandbox_is_seen", seen),
        Trial::test("keys_sort_and_select", keys),
        Trial::test("the_terminal_is_as_before", restored),
        Trial::test("a_terminal_that_goes_away_ends_it", hung_up),
        Trial::test("a_plain_table_where_there_is_no_terminal", plain),
        Trial::test("nobody_has_anything_to_show", nobody),
    ])
}

/// A run-time directory that nobody else has; it is gone with the test.
struct Directory(std::path::PathBuf);

impl Directory {
    fn new() -> Result<Self, Failed> {
        let path = std::env::temp_dir().join(format!("zeroboot-top-{}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    fn top(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zeroboot"));
        command.arg("top").args(arguments).env("XDG_RUNTIME_DIR", &self.0);
        command
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What cannot be removed is not worth a second panic.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A host whose sandbox runs until it is dropped.
struct Host(Child);

impl Host {
    fn start(directory: &Directory, arguments: &[&str], code: &str) -> Result<Self, Failed> {
        let code = format!("print('up', flush=True)\n{code}");
        let mut child =
            zeroboot(&[&["-q", "--no-site", "--timeout", "10m"], arguments, &["-c", &code]].concat())
                .env("XDG_RUNTIME_DIR", &directory.0)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()?;
        let read = child.stdout.as_mut().ok_or("no standard output")?.read_exact(&mut [0; 3]);
        let host = Self(child);
        read?;
        Ok(host)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // With its standard input the sandbox ends, unless it is one that does not read it.
        drop(self.0.stdin.take());
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const WAITS: &str = "import sys\nsys.stdin.read()";

/// Its memory stays as it is, and it takes a processor for itself.
const WORKS: &str = "area = bytearray(4 << 20)\nwhile True: pass";

/// The lines of the lower table, in words.
fn rows(screen: &str) -> Vec<Vec<&str>> {
    let lines = screen.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let below = lines.skip_while(|words| words.get(2) != Some(&"STATE"));
    below.skip(1).take_while(|words| words.len() == 9).collect()
}

fn seen() -> Result<(), Failed> {
    let directory = Directory::new()?;
    let mut host = Host::start(&directory, &["--pool", "1"], WAITS)?;
    let mut terminal = Terminal::start(&mut directory.top(&[]))?;
    // A rate needs a second look, and the memory is known then.
    let screen = terminal.until(|screen| {
        let text = screen.contents();
        let rows = rows(&text);
        rows.len() == 2 && rows.iter().all(|row| row[4] != "-" && row[6] != "-")
    })?;
    let wrong = |what: &str| Failed::from(format!("{what}: {screen}"));
    for part in ["1 process, 1 template, 2 sandboxes, 1 of them parked", "HIT %", "q quit", "[b]ursts"] {
        if !screen.contains(part) {
            return Err(wrong(part));
        }
    }
    let titles = ["PID", "TEMPLATE", "STATE", "AGE", "CPU %", "FAULTS/S", "PRIV KiB", "COPY KiB", "STORMS"];
    let titles_line = screen.lines().find(|line| line.contains("STATE")).ok_or_else(|| wrong("no titles"))?;
    if !titles.iter().all(|title| titles_line.contains(title)) {
        return Err(wrong("titles"));
    }
    let rows = rows(&screen);
    let running = rows.iter().find(|row| row[2] == "running").ok_or_else(|| wrong("none runs"))?;
    let is_process = std::path::Path::new("/proc").join(running[0]).exists();
    // What was copied is root's to see.
    let copied =
        if Uid::effective().is_root() { running[7].parse::<u64>().is_ok() } else { running[7] == "-" };
    let known = running[1] == "python" && is_process && copied && running[6].parse::<u64>()? > 0;
    if !known {
        return Err(wrong("the running one"));
    }
    let template: Vec<_> = screen.lines().nth(2).unwrap_or_default().split_whitespace().collect();
    if template.first() != Some(&host.0.id().to_string().as_str())
        || template.get(4..7) != Some(&["1", "1", "1/1"])
    {
        return Err(wrong("the template"));
    }
    // And when it has ended it is not there any more.
    drop(host.0.stdin.take());
    host.0.wait()?;
    terminal.until(|screen| screen.contents().contains("nobody has sandboxes to show"))?;
    terminal.press("q")?;
    let status = terminal.program.wait()?;
    if status.success() { Ok(()) } else { Err(format!("{status}").into()) }
}

fn keys() -> Result<(), Failed> {
    let directory = Directory::new()?;
    let first = Host::start(&directory, &[], WAITS)?;
    let second = Host::start(&directory, &[], WORKS)?;
    let mut terminal = Terminal::start(&mut directory.top(&[]))?;
    let is_measured = |screen: &vt100::Screen| {
        let text = screen.contents();
        let rows = rows(&text);
        rows.len() == 2 && rows.iter().all(|row| row[4] != "-")
    };
    // By CPU time, as it begins.
    let screen = terminal.until(|screen| {
        let text = screen.contents();
        is_measured(screen) && rows(&text)[0][4].parse::<f64>().is_ok_and(|percent| percent > 1.0)
    })?;
    let busy: u32 = rows(&screen)[0][0].parse()?;
    let idle: u32 = rows(&screen)[1][0].parse()?;
    let first_is = |pid: u32| {
        move |screen: &vt100::Screen| {
            rows(&screen.contents()).first().is_some_and(|row| row[0] == pid.to_string())
        }
    };
    terminal.press("p")?;
    terminal.until(first_is(busy.min(idle)))?;
    terminal.press("p")?;
    terminal.until(first_is(busy.max(idle)))?;
    terminal.press("m")?;
    terminal.until(first_is(busy))?;
    // A line that is chosen is shown in reverse, wherever it goes.
    let chosen = |pid: u32| {
        move |screen: &vt100::Screen| {
            let text = screen.contents();
            let line = text.lines().position(|line| line.split_whitespace().next() == Some(&pid.to_string()));
            let row = line.and_then(|line| u16::try_from(line).ok());
            row.is_some_and(|row| {
                (0..60).any(|column| screen.cell(row, column).is_some_and(vt100::Cell::inverse))
            })
        }
    };
    terminal.press("\x1b[B")?;
    terminal.until(chosen(busy))?;
    terminal.press("j")?;
    terminal.until(chosen(idle))?;
    terminal.press("\x03")?;
    let status = terminal.program.wait()?;
    drop((first, second));
    if status.success() { Ok(()) } else { Err(format!("{status}").into()) }
}

fn restored() -> Result<(), Failed> {
    let directory = Directory::new()?;
    for (signal, wanted) in [(None, 0), (Some(Signal::SIGTERM), 143), (Some(Signal::SIGINT), 130)] {
        let mut terminal = Terminal::start(&mut directory.top(&[]))?;
        terminal.until(|screen| screen.alternate_screen() && screen.contents().contains("q quit"))?;
        let during = terminal.settings()?;
        match signal {
            Some(signal) => kill(Pid::from_raw(i32::try_from(terminal.program.id())?), signal)?,
            None => terminal.press("q")?,
        }
        terminal.until(|screen| !screen.alternate_screen() && !screen.hide_cursor())?;
        let status = terminal.program.wait()?;
        let after = terminal.settings()?;
        let cooked = nix::sys::termios::LocalFlags::ICANON | nix::sys::termios::LocalFlags::ECHO;
        let is_restored = after.local_flags.contains(cooked) && !during.local_flags.intersects(cooked);
        if status.code() != Some(wanted) || status.signal().is_some() || !is_restored {
            return Err(format!("{signal:?}: {status}, {:?}", after.local_flags).into());
        }
    }
    Ok(())
}

fn hung_up() -> Result<(), Failed> {
    let directory = Directory::new()?;
    let mut terminal = Terminal::start(&mut directory.top(&[]))?;
    terminal.until(|screen| screen.contents().contains("q quit"))?;
    let status = terminal.hang_up()?;
    // By the signal, or because it has seen it; not by a panic on its way out.
    if status.code() == Some(125) || status.signal() == Some(Signal::SIGHUP as i32) {
        return Ok(());
    }
    Err(format!("{status}").into())
}

fn plain() -> Result<(), Failed> {
    let directory = Directory::new()?;
    let host = Host::start(&directory, &[], WORKS)?;
    for arguments in [&[][..], &["--once"]] {
        let output = directory.top(arguments).stdin(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let [row] = &rows(&text)[..] else { return Err(format!("{output:?}").into()) };
        let is_plain = !text.contains('\x1b') && text.lines().all(|line| line.len() <= 80);
        let is_known = row[2] == "running" && row[4].parse::<f64>().is_ok() && row[6].parse::<u64>()? >= 4096;
        expect("one plain table", output.status.success() && is_plain && is_known, &output)?;
    }
    drop(host);
    // It was killed, and has left its socket.
    let output = directory.top(&["--once"]).output()?;
    let left: Vec<_> = std::fs::read_dir(directory.0.join("zeroboot"))?.collect();
    expect(
        "what the dead have left is gone",
        rows(&String::from_utf8_lossy(&output.stdout)).is_empty(),
        &output,
    )?;
    if left.is_empty() { Ok(()) } else { Err(format!("{left:?}").into()) }
}

fn nobody() -> Result<(), Failed> {
    let directory = Directory::new()?;
    let output = directory.top(&["--once"]).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let is_said = said.contains("nobody has sandboxes to show") && said.lines().count() == 1;
    expect("a line that says so", output.status.success() && is_said, &output)
}
