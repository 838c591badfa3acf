//! The map of a template's memory: for root, since pages are nobody else's to see; and told so to others.

mod common;

use std::io::Read;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use common::{TestFile, expect, run, zeroboot};
use libtest_mimic::{Failed, Trial};
use nix::unistd::Uid;

fn main() -> ExitCode {
    run(vec![
        Trial::test("a_map_is_drawn_and_told", map),
        Trial::test("the_map_of_a_sandbox_that_lives", map_of_a_process),
        Trial::test("what_cannot_be_drawn_is_refused_at_once", refused),
    ])
}

/// A script that copies and adds much.
const BUSY: &str = "x = bytearray(b'1') * (4 << 20)";

fn map() -> Result<(), Failed> {
    with_directory(draw)
}

fn map_of_a_process() -> Result<(), Failed> {
    with_directory(look_at_a_process)
}

/// With a run-time directory that is gone with the test.
fn with_directory(test: fn(&Path) -> Result<(), Failed>) -> Result<(), Failed> {
    let directory = std::env::temp_dir().join(format!("zeroboot-map-{}", std::process::id()));
    std::fs::create_dir(&directory)?;
    let tested = test(&directory);
    std::fs::remove_dir_all(&directory)?;
    tested
}

fn draw(directory: &Path) -> Result<(), Failed> {
    let picture = |name: &str| directory.join(name).display().to_string();
    let run = |arguments: &[&str]| {
        let mut command = zeroboot(arguments);
        command.env("XDG_RUNTIME_DIR", directory).output()
    };
    let output = run(&["--map", &picture("many.svg"), "--count", "3", "-c", BUSY])?;
    if !Uid::effective().is_root() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return expect(
            "not for everybody",
            output.status.code() == Some(125) && said.contains("as root"),
            &output,
        );
    }
    let svg = std::fs::read_to_string(picture("many.svg"))?;
    expect("mean", svg.contains("the mean of 3 sandboxes") && svg.contains("[heap]: "), &output)?;
    let said = String::from_utf8_lossy(&output.stderr);
    expect("report", said.contains("each has copied ") && said.contains(" KiB of [anon]"), &output)?;
    let script = TestFile::new("busy.py", BUSY)?;
    let output = run(&["--map", &picture("one.png"), &script.0.display().to_string()])?;
    expect("one", output.status.success(), &output)?;
    expect("signature", std::fs::read(picture("one.png"))?.starts_with(b"\x89PNG"), &output)?;

    let output = Command::new(env!("CARGO_BIN_EXE_zeroboot"))
        .args(["map", "last", "--output", &picture("last.svg")])
        .env("XDG_RUNTIME_DIR", directory)
        .output()?;
    let table = String::from_utf8_lossy(&output.stdout);
    let new: u64 = table.lines().filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok()).sum();
    expect("the new memory of the last one", output.status.success() && new >= 4096, &output)?;
    expect("one sandbox", std::fs::read_to_string(picture("last.svg"))?.contains("one sandbox"), &output)
}

/// Its host publishes, among others, what its frozen memory was called.
fn look_at_a_process(directory: &Path) -> Result<(), Failed> {
    let code = format!("{BUSY}\nimport sys\nprint('up', flush=True)\nsys.stdin.read()");
    let mut host = zeroboot(&["-q", "-c", &code]);
    host.env("XDG_RUNTIME_DIR", directory).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut host = host.spawn()?;
    let mut up = [0; 3];
    host.stdout.as_mut().ok_or("no standard output")?.read_exact(&mut up)?;
    let mut told = Vec::new();
    for process in descendants(host.id()) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zeroboot"));
        let output =
            command.args(["map", &process.to_string()]).env("XDG_RUNTIME_DIR", directory).output()?;
        if output.status.success() {
            told.push(String::from_utf8(output.stdout)?);
        }
    }
    drop(host.stdin.take());
    host.wait()?;
    if !Uid::effective().is_root() {
        return if told.is_empty() { Ok(()) } else { Err(format!("{told:?}").into()) };
    }
    // Neither of wardens and shells nor of the template.
    let [table] = &told[..] else { return Err(format!("{told:?}").into()) };
    if table.starts_with("mapping") && table.contains("[heap]") && !table.contains("memfd:zeroboot") {
        Ok(())
    } else {
        Err(table.clone().into())
    }
}

fn descendants(pid: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children: Vec<u32> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    children.into_iter().flat_map(|child| std::iter::once(child).chain(descendants(child))).collect()
}

fn refused() -> Result<(), Failed> {
    let says = |output: &std::process::Output, words: &str| {
        let said = String::from_utf8_lossy(&output.stderr);
        expect(words, output.status.code() == Some(125) && said.contains(words), output)
    };
    says(&zeroboot(&["--map", "map.gif", "-c", "print('never')"]).output()?, "neither .svg nor .png")?;
    let map = |subject: &str| Command::new(env!("CARGO_BIN_EXE_zeroboot")).args(["map", subject]).output();
    says(&map("1")?, "is not a sandbox")?;
    says(&map("first")?, "neither a process id nor `last`")
}
