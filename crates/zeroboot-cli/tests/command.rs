//! The command as people and programs use it: exit statuses, messages, JSON, streams, and its death.

mod common;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Output, Stdio};
use std::time::Duration;

use common::{TestFile, expect, run, zeroboot};
use libtest_mimic::{Failed, Trial};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, Uid};
use serde_json::Value;

fn main() -> ExitCode {
    run(vec![
        Trial::test("exit_statuses", exit_statuses),
        Trial::test("json_has_the_shape_of_the_contract", json),
        Trial::test("json_tells_memory_that_is_known", json_of_memory),
        Trial::test("many_sandboxes_and_a_summary", many),
        Trial::test("parked_sandboxes_serve", parked),
        Trial::test("scripts_from_files_text_and_standard_input", sources),
        Trial::test("a_policy_file_is_obeyed", policy_file),
        Trial::test("the_doctor_tells_what_can_be_had", doctor),
        Trial::test("a_file_of_the_host_can_be_shown", view),
        Trial::test("a_shim_is_seen_through", shim),
        Trial::test("what_the_caller_ignores_is_not_ignored_inside", ignored_signals),
        Trial::test("what_a_terminal_sends_to_a_host_that_ignores_it_ends_nothing", interrupted_group),
        Trial::test("a_closed_or_impatient_reader_does_no_harm", readers),
        Trial::test("200_mb_of_output_in_flat_memory", flat_memory),
        Trial::test("the_death_of_the_host_leaves_nothing", death_of_the_host),
        Trial::test("steps_are_told_with_their_times_to_whoever_asks", steps),
    ])
}

fn exit_statuses() -> Result<(), Failed> {
    for (code, status) in [
        ("1", 0),
        ("import sys; sys.exit(7)", 7),
        ("1 / 0", 1),
        ("x = (", 1),
        ("while True: pass", 124),
        ("import os; os.kill(os.getpid(), 9)", 137),
        ("import os; os.abort()", 134),
        ("while True: print('x' * 1000)", 137),
    ] {
        let output = zeroboot(&["-q", "--timeout", "2s", "--output", "100K", "-c", code]).output()?;
        expect(code, output.status.code() == Some(status), &output)?;
    }
    Ok(())
}

fn documents(output: &Output) -> Result<Vec<Value>, Failed> {
    let text = std::str::from_utf8(&output.stdout)?;
    Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

fn json() -> Result<(), Failed> {
    let output = zeroboot(&["--json", "-c", "print('ü')"]).output()?;
    let [document] = &documents(&output)?[..] else { return Err(format!("{output:?}").into()) };
    for (pointer, wanted) in [
        ("/outcome/kind", Value::from("exited")),
        ("/outcome/code", Value::from(0)),
        ("/outcome/signal", Value::Null),
        ("/stdout", Value::from("ü\n")),
        ("/stderr", Value::from("")),
        ("/seal/no_new_privs", Value::from(true)),
        ("/seal/capabilities", Value::from(0)),
    ] {
        if document.pointer(pointer) != Some(&wanted) {
            return Err(format!("{pointer} is not {wanted} in {document}").into());
        }
    }
    for pointer in [
        "/times_us/spawn",
        "/times_us/run",
        "/times_us/total",
        "/times_us/steps/clone",
        "/faults/minor",
        "/memory/shared_kib",
        "/memory/private_kib",
        "/memory/page_tables_kib",
        "/memory/peak_kib",
        "/memory/swapped_kib",
        "/cpu_us/user",
    ] {
        if !document.pointer(pointer).is_some_and(Value::is_number) {
            return Err(format!("{pointer} is no number in {document}").into());
        }
    }
    let output = zeroboot(&["--json", "-c", "import sys; sys.stdout.buffer.write(b'\\xff')"]).output()?;
    expect("base64", documents(&output)?[0]["stdout_b64"] == "/w==", &output)?;
    let output = zeroboot(&["--json", "-c", "import os; os.abort()"]).output()?;
    expect("signal", documents(&output)?[0]["outcome"]["signal"] == 6, &output)
}

/// What is known is there, and what is not is absent.
fn json_of_memory() -> Result<(), Failed> {
    let output = zeroboot(&["--json", "-c", "pass"]).output()?;
    let document = &documents(&output)?[0];
    // The pages of a sandbox are for root alone to see; its sums are its user's as well.
    let root = Uid::effective().is_root();
    let parts = ["/memory/copied_kib", "/memory/zeroed_kib", "/copied_from/0/kib"];
    let known = parts.map(|pointer| document.pointer(pointer).is_some_and(Value::is_u64));
    expect("parts", known == [root; 3] && document.get("copied_from").is_some() == root, &output)?;
    let output = zeroboot(&["--json", "-c", "import os; os.abort()"]).output()?;
    let memory = &documents(&output)?[0]["memory"];
    let peak_only = memory.as_object().is_some_and(|memory| memory.len() == 1);
    expect("a peak only", peak_only && memory["peak_kib"].is_u64(), &output)
}

fn many() -> Result<(), Failed> {
    for processes in ["1", "2"] {
        let arguments = ["--json", "--template-processes", processes, "--count", "5", "--parallel", "2"];
        let output = zeroboot(&arguments).args(["-c", "print(1)"]).output()?;
        let documents = documents(&output)?;
        let fine = documents.len() == 6
            && documents[..5].iter().all(|document| document["stdout"] == "1\n")
            && documents[5]["succeeded"] == 5;
        expect("five and a summary", fine, &output)?;
    }
    let output = zeroboot(&["--template-processes", "0", "-c", "1"]).output()?;
    expect("none", output.status.code() == Some(125), &output)
}

fn parked() -> Result<(), Failed> {
    let code = "import sys; print(sys.argv, sys.stdin.read()); sys.exit(3)";
    let mut one = zeroboot(&["-q", "--pool", "1", "-c", code, "a"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    one.stdin.take().ok_or("no pipe")?.write_all(b"in")?;
    let output = one.wait_with_output()?;
    expect("one", output.status.code() == Some(3) && output.stdout == b"['-c', 'a'] in\n", &output)?;

    let arguments = ["--json", "--pool", "3", "--count", "6", "--parallel", "2", "-c", "print(1)"];
    let output = zeroboot(&arguments).output()?;
    let documents = documents(&output)?;
    let [sandboxes @ .., summary] = &documents[..] else { return Err(format!("{output:?}").into()) };
    let claimed = sandboxes.iter().filter(|it| it["times_us"]["steps"]["claim"].is_number()).count();
    let pool = &summary["pool"];
    let fine = sandboxes.len() == 6
        && sandboxes.iter().all(|it| it["stdout"] == "1\n" && it["seal"]["no_new_privs"] == true)
        && claimed >= 3
        && pool["hits"] == claimed
        && pool["misses"] == 6 - claimed
        && pool["died"] == 0;
    expect("six and a summary", fine, &output)
}

fn sources() -> Result<(), Failed> {
    let script = TestFile::new("script.py", "import sys; print(sys.argv[1:], sys.stdin.read())")?;
    let script = script.0.display().to_string();
    let piped = |arguments: &[&str], input: &str| -> Result<Output, Box<dyn Error>> {
        let mut child = zeroboot(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        child.stdin.take().ok_or("no pipe")?.write_all(input.as_bytes())?;
        Ok(child.wait_with_output()?)
    };
    for (arguments, input, wanted) in [
        (vec!["-q", &script, "a", "-b"], "in", "['a', '-b'] in\n"),
        (vec!["-q", &script, "--json", "--", "-q"], "", "['--json', '--', '-q'] \n"),
        (vec!["-q", "-", "-b"], "import sys; print(sys.argv)", "['-', '-b']\n"),
        (vec!["-q", "-c", "import sys; print(sys.argv)", "-b", "--json"], "", "['-c', '-b', '--json']\n"),
        (vec!["-q", "--env", "K=V", "-c", "import os; print(os.environ['K'])"], "", "V\n"),
    ] {
        let output = piped(&arguments, input).map_err(|error| error.to_string())?;
        let fine = output.stdout == wanted.as_bytes() && output.stderr.is_empty();
        expect(wanted, fine, &output)?;
    }
    // What a script is called, and what it is named in messages, are two things.
    for (arguments, name) in [(vec!["-q", "-c", "1 / 0"], "<string>"), (vec!["-q", "-"], "<stdin>")] {
        let output = piped(&arguments, "1 / 0").map_err(|error| error.to_string())?;
        let line = format!("File \"{name}\", line 1, in <module>");
        expect(&line, String::from_utf8_lossy(&output.stderr).contains(&line), &output)?;
    }
    Ok(())
}

/// What the file says holds, and a limit of the command line goes before it.
fn policy_file() -> Result<(), Failed> {
    let text = "[limits]\nfiles = 40\npids = 9\ntmp = \"1M\"\n[protections]\nlandlock = \"waive\"\n";
    let file = TestFile::new("policy.toml", text)?;
    let path = file.0.to_str().ok_or("a path")?;
    let code = "import os, resource\nprint(resource.getrlimit(resource.RLIMIT_NOFILE)[0], os.statvfs('/tmp').f_blocks)";
    for (more, wanted) in [(&[][..], "40 256\n"), (&["--files", "50"], "50 256\n")] {
        let arguments = [&["--json", "--policy", path], more, &["-c", code]].concat();
        let output = zeroboot(&arguments).output()?;
        let [document] = &documents(&output)?[..] else { return Err(format!("{output:?}").into()) };
        let missing = document["seal"]["missing"].as_array().ok_or("a list")?;
        let holds = document["stdout"] == wanted && missing.contains(&"landlock".into());
        expect("the policy", holds && document["seal"]["landlock"].is_null(), &output)?;
    }
    let code = "bytearray(20 << 20)\ntry: bytearray(90 << 20)\nexcept MemoryError: print('no more')";
    let output = zeroboot(&["-q", "--memory", "64M", "--waive", "cgroup", "-c", code]).output()?;
    expect("the memory", output.stdout == b"no more\n", &output)?;

    let output = zeroboot(&["--json", "--waive", "session,filter", "-c", "1"]).output()?;
    let [document] = &documents(&output)?[..] else { return Err(format!("{output:?}").into()) };
    let missing = document["seal"]["missing"].as_array().ok_or("a list")?;
    let waived = missing.contains(&"session".into()) && missing.contains(&"filter".into());
    expect("waived", waived && document["seal"]["seccomp_filters"] == 0, &output)?;

    let output = zeroboot(&["-q", "--no-site", "-c", "import sys; print(sys.flags.no_site)"]).output()?;
    expect("no site", output.stdout == b"1\n", &output)?;
    let output = zeroboot(&["--json", "-c", "1"]).output()?;
    let [document] = &documents(&output)?[..] else { return Err(format!("{output:?}").into()) };
    expect("strict", document["seal"]["landlock"].as_u64() > Some(0), &output)
}

/// Its words are those of a sandbox's seal.
fn doctor() -> Result<(), Failed> {
    let command = |arguments: &[&str]| Command::new(env!("CARGO_BIN_EXE_zeroboot")).args(arguments).output();
    let output = command(&["doctor", "--json"])?;
    let [report] = &documents(&output)?[..] else { return Err(format!("{output:?}").into()) };
    let findings = report["findings"].as_array().ok_or("a list")?;
    let without: Vec<&Value> =
        findings.iter().filter(|finding| finding["holds"] == false).map(|finding| &finding["what"]).collect();
    let run = zeroboot(&["--json", "-c", "1"]).output()?;
    let [document] = &documents(&run)?[..] else { return Err(format!("{run:?}").into()) };
    let missing = document["seal"]["missing"].as_array().ok_or("a list")?;
    // What can be had, but is bounded only where it is asked for.
    let limits = ["memory limit", "cpu limit"].map(Value::from);
    let bounded = !without.contains(&&Value::from("cgroup"));
    let same = missing.iter().all(|name| without.contains(&name) || (bounded && limits.contains(name)));
    expect("the doctor", same && report["strict"] == true && output.status.code() == Some(0), &output)?;

    let table = command(&["doctor"])?;
    let lines = String::from_utf8_lossy(&table.stdout).into_owned();
    let words = ["a strict sandbox can be made", "landlock", "python3"];
    expect("the table", words.iter().all(|word| lines.contains(word)) && !lines.contains('\x1b'), &table)
}

fn view() -> Result<(), Failed> {
    let file = TestFile::new("shown", "shown")?;
    let (first, second) = (format!("{}:/data/a", file.0.display()), format!("{}:/data/b", file.0.display()));
    let code =
        "import os, sys; print([open(path).read() for path in sys.argv[1:]], os.access('/data/a', os.W_OK))";
    let arguments = ["-q", "--ro", &first, "--ro", &second, "-c", code, "/data/a", "/data/b"];
    let output = zeroboot(&arguments).output()?;
    expect("shown twice", output.stdout == b"['shown', 'shown'] False\n", &output)
}

fn shim() -> Result<(), Failed> {
    let plain = zeroboot(&["-q", "-c", "import sys; print(sys.executable)"]).output()?;
    let real = String::from_utf8(plain.stdout)?.trim().to_owned();
    let directory = std::env::temp_dir().join(format!("zeroboot-shim-{}", std::process::id()));
    fs::create_dir(&directory)?;
    let program = directory.join("python3");
    fs::write(&program, format!("#!/bin/sh\nexec '{real}' \"$@\"\n"))?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    let path = format!("{}:{}", directory.display(), std::env::var("PATH")?);
    let output = zeroboot(&["-q", "-c", "import sys; print(sys.executable)"]).env("PATH", path).output();
    fs::remove_dir_all(&directory)?;
    let output = output?;
    expect(&real, output.stdout == format!("{real}\n").as_bytes(), &output)
}

fn ignored_signals() -> Result<(), Failed> {
    let ignoring = |program: &Command| {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' INT TERM HUP USR1; exec \"$@\"", "sh"]).stdin(Stdio::null());
        shell.arg(program.get_program()).args(program.get_args()).output()
    };
    let mut control = Command::new("sh");
    control.args(["-c", "kill -INT $$"]);
    let output = ignoring(&control)?;
    expect("a program that is started so ignores the signal", output.status.success(), &output)?;

    let code = "
import os, signal
print([signal.getsignal(number).name for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)])
os.kill(os.getpid(), signal.SIGINT)
";
    let output = ignoring(&zeroboot(&["-q", "-c", code]))?;
    let fine = output.status.code() == Some(130) && output.stdout == b"['SIG_DFL', 'SIG_DFL', 'SIG_DFL']\n";
    expect("a script does not", fine, &output)
}

fn interrupted_group() -> Result<(), Failed> {
    let command =
        zeroboot(&["-q", "-c", "import sys; print('here', flush=True); sys.stdin.read(); print('done')"]);
    let mut host = Command::new("sh");
    host.args(["-c", "trap '' INT HUP; exec \"$@\"", "sh"])
        .arg(command.get_program())
        .args(command.get_args());
    let mut host = host.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut word = [0; 5];
    host.stdout.as_mut().ok_or("no pipe")?.read_exact(&mut word)?;
    let group = Pid::from_raw(i32::try_from(host.id())?);
    for signal in [Signal::SIGINT, Signal::SIGHUP] {
        killpg(group, signal)?;
    }
    let output = host.wait_with_output()?;
    expect("the script goes on", output.status.success() && output.stdout == b"done\n", &output)
}

fn readers() -> Result<(), Failed> {
    let code = "while True: print('x' * 1000)";
    let mut child = zeroboot(&["-q", "--timeout", "20s", "--output", "1G", "-c", code])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut first = [0; 1];
    child.stdout.take().ok_or("no pipe")?.read_exact(&mut first)?;
    let output = child.wait_with_output()?;
    // As with any program: a broken pipe, and not the deadline.
    expect("broken pipe", output.status.code() == Some(1) || output.status.code() == Some(120), &output)
}

fn flat_memory() -> Result<(), Failed> {
    const MEGABYTES: usize = 200;
    const LIMIT_KIB: u64 = 64 * 1024;
    let code = format!(
        "import sys\nfor _ in range({MEGABYTES}): sys.stdout.buffer.write(b'x' * 1000000)\nsys.stdin.read()"
    );
    let mut child = zeroboot(&["-q", "--output", "1G", "-c", &code])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let pid = child.id();
    let mut stdout = child.stdout.take().ok_or("no pipe")?;
    let mut piece = vec![0; 1 << 16];
    let mut length = 0;
    while length < MEGABYTES * 1_000_000 - 100_000 {
        length += stdout.read(&mut piece)?;
    }
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse()?;
    drop(child.stdin.take());
    loop {
        match stdout.read(&mut piece)? {
            0 => break,
            more => length += more,
        }
    }
    child.wait()?;
    if length == MEGABYTES * 1_000_000 && peak < LIMIT_KIB {
        Ok(())
    } else {
        Err(format!("{length} bytes, a peak of {peak} KiB").into())
    }
}

/// All processes below `root`.
fn descendants(root: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let parent = fields.split_whitespace().nth(1).and_then(|word| word.parse().ok());
        children.entry(parent.unwrap_or_default()).or_default().push(pid);
    }
    let mut found = Vec::new();
    let mut above = vec![root];
    while let Some(pid) = above.pop() {
        let below = children.remove(&pid).unwrap_or_default();
        above.extend(&below);
        found.extend(below);
    }
    found
}

const DEATHS: u64 = 50;

/// How long the kernel may take to end what is left, in milliseconds.
const PATIENCE: u16 = 10_000;

fn death_of_the_host() -> Result<(), Failed> {
    let mut seen = 0;
    for round in 0..DEATHS {
        let code = "import time; time.sleep(0.001)";
        let parked: &[&str] = if round % 2 == 0 { &[] } else { &["--pool", "4"] };
        let arguments: &[&str] = &["-q", "--count", "100000", "--parallel", "2", "-c", code];
        let mut host =
            zeroboot(&[parked, arguments].concat()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        live_for(&mut host, Duration::from_millis(random_number(round) % 400))?;
        let pids = descendants(host.id());
        let below: Vec<OwnedFd> =
            pids.iter().filter_map(|pid| zeroboot_fork::pidfd_open(*pid).ok()).collect();
        seen += below.len();
        host.kill()?;
        host.wait()?;
        for process in &below {
            let mut end = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
            if poll(&mut end, PollTimeout::from(PATIENCE))? == 0 {
                return Err(format!("a process outlived its host in round {round}").into());
            }
        }
        if let Some(left) =
            cgroups().into_iter().find(|name| pids.iter().any(|pid| *name == format!("zeroboot-{pid}")))
        {
            return Err(format!("the cgroup {left} outlived its host in round {round}").into());
        }
    }
    if seen > 0 { Ok(()) } else { Err("no process was ever seen".into()) }
}

/// The names of all cgroups.
fn cgroups() -> Vec<String> {
    let mut names = Vec::new();
    let mut above = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(directory) = above.pop() {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            names.push(entry.file_name().to_string_lossy().into_owned());
            above.push(entry.path());
        }
    }
    names
}

/// Lets the host work for a while: its output never comes, so this is its own end or the time.
fn live_for(host: &mut Child, time: Duration) -> Result<(), Failed> {
    let stdout = host.stdout.as_ref().ok_or("no pipe")?;
    let mut end = [PollFd::new(stdout.as_fd(), PollFlags::POLLIN)];
    match poll(&mut end, PollTimeout::try_from(time)?)? {
        0 => Ok(()),
        _ => Err("the host has ended by itself".into()),
    }
}

/// A number that differs from round to round and from run to run.
fn random_number(round: u64) -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(round)
}

/// Each step is a span with its time; nothing of it is told to those who do not ask.
fn steps() -> Result<(), Failed> {
    let told = |filter: Option<&str>, arguments: &[&str]| {
        let mut command = zeroboot(&[arguments, &["--no-site", "-c", "print(1)"]].concat());
        match filter {
            Some(filter) => command.env("RUST_LOG", filter),
            None => command.env_remove("RUST_LOG"),
        };
        let output = command.output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        expect("it runs", output.status.success() && output.stdout == b"1\n", &output).map(|()| said)
    };
    let has = |said: &str, span: &str| {
        // A span is told by its whole way, `execute:run:measure`, and the place in the program.
        let ends = format!("{span}: zeroboot_runtime::");
        let with_fields = format!("{span}{{");
        said.lines().any(|line| {
            line.contains("DEBUG")
                && (line.contains(&ends) || line.contains(&with_fields))
                && line.contains("close time.busy=")
                && line.contains("time.idle=")
        })
    };
    let missing = |said: &str, spans: &[&'static str]| {
        let missing: Vec<_> = spans.iter().copied().filter(|span| !has(said, span)).collect();
        if missing.is_empty() { Ok(()) } else { Err(Failed::from(format!("{missing:?} in {said}"))) }
    };
    let said = told(Some("zeroboot=debug"), &[])?;
    missing(&said, &["build", "execute", "ask", "run", "spawn_step", "begin_seal", "read_seal", "measure"])?;
    if said.contains('\x1b') {
        return Err(format!("colours where there is no terminal: {said}").into());
    }
    let said = told(Some("zeroboot=debug"), &["--pool", "1"])?;
    missing(&said, &["build", "park", "claim", "run", "measure"])?;
    for filter in [None, Some("zeroboot=error"), Some("another=debug")] {
        let said = told(filter, &[])?;
        if said.lines().count() != 1 || !said.starts_with("zeroboot: exited with 0;") {
            return Err(format!("{filter:?}: {said}").into());
        }
    }
    Ok(())
}
