//! What a script sees and what its caller learns, with every interpreter of this machine.

mod common;

use std::process::ExitCode;
use std::time::Duration;

use common::{examples, interpreters, run, skip};
use libtest_mimic::{Failed, Trial};
use zeroboot::{Bytes, Input, Interpreter, Kib, Namespace, Outcome, Request, Status, Template};

fn main() -> ExitCode {
    let mut trials = Vec::new();
    let found = interpreters();
    if found.is_empty() {
        trials.push(Trial::test("an_interpreter_is_there", || skip("no python3 from 3.9 on")));
    }
    for interpreter in found {
        let (major, minor) = interpreter.version();
        let name = format!("{major}.{minor} {}", interpreter.executable().display());
        trials.push(Trial::test(format!("everything with {name}"), move || everything(&interpreter)));
    }
    run(trials)
}

fn everything(interpreter: &Interpreter) -> Result<(), Failed> {
    let mut builder = Template::python().interpreter(interpreter.executable());
    for module in ["random", "uuid", "secrets", "ssl", "tempfile"] {
        builder = builder.import(module);
    }
    let template = builder.build()?;
    for check in CHECKS {
        (check.body)(&template).map_err(|error| match error.message() {
            Some(text) => Failed::from(format!("{}: {text}", check.name)),
            None => Failed::from(check.name),
        })?;
    }
    Ok(())
}

struct Check {
    name: &'static str,
    body: fn(&Template) -> Result<(), Failed>,
}

macro_rules! checks {
    ($($name:ident)*) => {
        const CHECKS: &[Check] = &[$(Check { name: stringify!($name), body: $name }),*];
    };
}

checks! {
    result examples_run traceback syntax_error exit_codes own_signals orphans leaving_children concurrency
    lazy_import deadline binary_output closed_stdout input environment processes_only sealed output_limit lost_channel randomness
    arguments big_script interpreter_is_the_real_one spawned_ahead
}

fn expect(outcome: &Outcome, status: Status, stdout: &str) -> Result<(), Failed> {
    if outcome.status == status && outcome.stdout_lossy() == stdout {
        return Ok(());
    }
    Err(format!(
        "{}, stdout {:?}, stderr {:?}; wanted {status}, {stdout:?}",
        outcome.status,
        outcome.stdout_lossy(),
        outcome.stderr_lossy()
    )
    .into())
}

fn result(template: &Template) -> Result<(), Failed> {
    let outcome = template.run("print(1 + 1)")?;
    expect(&outcome, Status::Exited(0), "2\n")?;
    let account = &outcome.account;
    let steps: Duration = account.times.steps.iter().map(|(_, time)| *time).sum();
    if steps != account.times.spawn || account.times.total < steps + account.times.run {
        return Err(format!("times do not add up: {:?}", account.times).into());
    }
    match (account.faults, account.memory) {
        (Some(faults), Some(memory)) if faults.minor > 0 && memory.shared_kib > Some(Kib(0)) => Ok(()),
        _ => Err(format!("{account:?}").into()),
    }
}

fn examples_run(template: &Template) -> Result<(), Failed> {
    for path in examples() {
        let outcome = template.execute(Request::script(&path, std::fs::read(&path)?))?;
        if !outcome.status.success() || outcome.stdout.is_empty() {
            return Err(format!("{}: {}\n{}", path.display(), outcome.status, outcome.stderr_lossy()).into());
        }
    }
    Ok(())
}

fn traceback(template: &Template) -> Result<(), Failed> {
    let outcome = template.execute(Request::script("job.py", "def f():\n    return 1 / 0\nf()\n"))?;
    expect(&outcome, Status::Exited(1), "")?;
    let said = outcome.stderr_lossy();
    let wanted = [
        "Traceback (most recent call last):\n  File \"/home/sandbox/job.py\", line 3",
        "return 1 / 0",
        "ZeroDivisionError",
    ];
    match wanted.iter().find(|part| !said.contains(**part)) {
        Some(part) => Err(format!("no {part:?} in {said}").into()),
        None => Ok(()),
    }
}

fn syntax_error(template: &Template) -> Result<(), Failed> {
    let outcome = template.execute(Request::script("job.py", "x = (\n"))?;
    expect(&outcome, Status::Exited(1), "")?;
    let said = outcome.stderr_lossy();
    let fine = said.contains("File \"/home/sandbox/job.py\", line ")
        && said.contains("SyntaxError")
        && !said.contains("zeroboot");
    if fine { Ok(()) } else { Err(said.into_owned().into()) }
}

fn exit_codes(template: &Template) -> Result<(), Failed> {
    expect(&template.run("import sys; print(1); sys.exit(7)")?, Status::Exited(7), "1\n")?;
    expect(&template.run("raise SystemExit")?, Status::Exited(0), "")?;
    let outcome = template.run("import sys; sys.exit('no')")?;
    expect(&outcome, Status::Exited(1), "")?;
    if outcome.stderr_lossy() != "no\n" {
        return Err(outcome.stderr_lossy().into_owned().into());
    }
    expect(&template.run("import os; os._exit(3)")?, Status::Exited(3), "")?;
    expect(&template.run("import atexit; atexit.register(print, 'bye')")?, Status::Exited(0), "bye\n")
}

fn own_signals(template: &Template) -> Result<(), Failed> {
    for (code, signal) in [
        ("import os; os.kill(os.getpid(), 9)", 9),
        ("import os; os.kill(os.getpid(), 15)", 15),
        ("import os; os.abort()", 6),
        ("raise KeyboardInterrupt", 2),
        ("import ctypes; ctypes.string_at(0)", 11),
    ] {
        expect(&template.run(code)?, Status::Signaled(signal), "")?;
    }
    result(template)
}

fn orphans(template: &Template) -> Result<(), Failed> {
    let code = "
import os
reader, writer = os.pipe()
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid()
        os.close(reader)
        os._exit(0)
    os._exit(0)
os.wait()
os.close(writer)
os.read(reader, 1)
# The orphan has closed the pipe by ending; its zombie is gone as soon as init has reaped it.
def states():
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            found.append(open('/proc/%s/stat' % pid).read().rsplit(')', 1)[1].split()[0])
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found

while len(states()) > 2:
    pass
print(len(states()), 'Z' in states())
";
    expect(&template.run(code)?, Status::Exited(0), "2 False\n")
}

fn leaving_children(template: &Template) -> Result<(), Failed> {
    let code = "
import os, subprocess, sys
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        os.execvp('sleep', ['sleep', '86411.5'])
print('left', flush=True)
";
    expect(&template.run(code)?, Status::Exited(0), "left\n")?;
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if line == b"sleep\x0086411.5\0" {
            return Err(format!("{} is still there", entry.path().display()).into());
        }
    }
    result(template)
}

fn concurrency(template: &Template) -> Result<(), Failed> {
    let code = "
import asyncio, multiprocessing, queue, sqlite3, subprocess, threading

def work(n, out):
    out.put(n * n)

out = queue.Queue()
threads = [threading.Thread(target=work, args=(n, out)) for n in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
print(sorted(out.get() for _ in range(4)))
print(subprocess.run('echo $((6 * 7)) | cat', shell=True, stdout=subprocess.PIPE, text=True).stdout.strip())
print(sqlite3.connect(':memory:').execute('select 6 * 7').fetchone())

async def main():
    process = await asyncio.create_subprocess_exec('echo', 'hi', stdout=asyncio.subprocess.PIPE)
    text, _ = await process.communicate()
    return text, await asyncio.gather(asyncio.sleep(0, 'a'), asyncio.sleep(0, 'b'))

print(asyncio.run(main()))
for start in ('fork', 'spawn'):
    with multiprocessing.get_context(start).Pool(2) as pool:
        print(pool.map(abs, [-1, -2, -3]))
";
    let wanted = "[0, 1, 4, 9]\n42\n(42,)\n(b'hi\\n', ['a', 'b'])\n[1, 2, 3]\n[1, 2, 3]\n";
    expect(&template.run(code)?, Status::Exited(0), wanted)
}

fn lazy_import(template: &Template) -> Result<(), Failed> {
    let code = "import sys; before = 'decimal' in sys.modules\nimport decimal, xml.dom.minidom, zoneinfo\n\
        print(before, decimal.Decimal('0.1') * 3)";
    expect(&template.run(code)?, Status::Exited(0), "False 0.3\n")
}

fn deadline(template: &Template) -> Result<(), Failed> {
    for code in
        ["while True: pass", "import os\nos.fork()\nwhile True: pass", "import time; time.sleep(1000)"]
    {
        let request = Request::script("loop.py", code).timeout(Duration::from_millis(300));
        expect(&template.execute(request)?, Status::Deadline, "")?;
    }
    result(template)
}

fn binary_output(template: &Template) -> Result<(), Failed> {
    let code = "import sys\nsys.stdout.buffer.write(bytes(range(256)) * 1000)\nsys.stderr.buffer.write(bytes(range(255, -1, -1)))";
    let outcome = template.run(code)?;
    let all: Vec<u8> = (0..=255).collect();
    let fine = outcome.status.success()
        && outcome.stdout == all.repeat(1000)
        && outcome.stderr.iter().rev().eq(all.iter());
    if fine { Ok(()) } else { Err("bytes have changed".into()) }
}

fn closed_stdout(template: &Template) -> Result<(), Failed> {
    expect(&template.run("import sys; print(1); sys.stdout.close()")?, Status::Exited(0), "1\n")?;
    expect(&template.run("import os; os.close(1); os.close(2)")?, Status::Exited(0), "")
}

fn input(template: &Template) -> Result<(), Failed> {
    let code = "import sys; print(len(sys.stdin.buffer.read()))";
    let request = Request::script("in.py", code).stdin(Input::Bytes(vec![7; 1 << 20]));
    expect(&template.execute(request)?, Status::Exited(0), "1048576\n")?;
    let (reader, mut writer) = std::io::pipe()?;
    std::io::Write::write_all(&mut writer, b"one\ntwo\n")?;
    drop(writer);
    let request = Request::script("in.py", "print(input(), input())").stdin(Input::From(reader.into()));
    expect(&template.execute(request)?, Status::Exited(0), "one two\n")?;
    expect(&template.run(code)?, Status::Exited(0), "0\n")?;
    // A script that does not read is not held up by its input.
    let request = Request::script("in.py", "print(1)").stdin(Input::Bytes(vec![7; 1 << 20]));
    expect(&template.execute(request)?, Status::Exited(0), "1\n")
}

fn processes_only(template: &Template) -> Result<(), Failed> {
    let code =
        "import os; print(sorted(os.listdir('/proc')), os.path.exists('/proc/kmsg'), os.cpu_count() > 0)";
    expect(&template.run(code)?, Status::Exited(0), "['1', '2', 'self', 'thread-self'] False True\n")
}

fn environment(template: &Template) -> Result<(), Failed> {
    let code = "import os; print(sorted(os.environ)); print(os.environ['K'], os.getcwd(), os.environ['HOME'], os.getpid())";
    let request = Request::script("env.py", code).environment("K", "v=w");
    let wanted = "['HOME', 'K', 'LANG', 'PATH', 'TMPDIR']\nv=w /home/sandbox /home/sandbox 2\n";
    expect(&template.execute(request)?, Status::Exited(0), wanted)
}

fn sealed(template: &Template) -> Result<(), Failed> {
    let outcome = template.run("1")?;
    let seal = outcome.seal.ok_or("no seal")?;
    let fine = seal.no_new_privs
        && seal.seccomp_filters == 2
        && seal.capabilities == 0
        && Namespace::ALL.iter().all(|namespace| seal.namespaces.contains(namespace));
    if fine { Ok(()) } else { Err(format!("{seal:?}").into()) }
}

fn output_limit(template: &Template) -> Result<(), Failed> {
    let request = Request::script("out.py", "while True: print('x' * 1000)").output_limit(Bytes::kibi(100));
    let outcome = template.execute(request)?;
    if outcome.status != Status::OutputLimit || outcome.stdout.len() != 100 << 10 {
        return Err(format!("{} after {} bytes", outcome.status, outcome.stdout.len()).into());
    }
    result(template)
}

fn lost_channel(template: &Template) -> Result<(), Failed> {
    expect(&template.run("import os, sys; os.closerange(3, 256); sys.exit(5)")?, Status::Exited(5), "")?;
    let code = "import os, sys\nos.closerange(3, 256)\nos.open('/tmp/own', os.O_CREAT | os.O_RDWR)\nos.write(3, b'x')\nsys.exit(6)";
    expect(&template.run(code)?, Status::Exited(6), "")?;
    // Packets without a meaning count as output; the host neither believes nor keeps them.
    let code = "import os\nwhile True: os.write(3, b'Z' * 1000)";
    let request = Request::script("flood.py", code).output_limit(Bytes::kibi(100));
    expect(&template.execute(request)?, Status::OutputLimit, "")?;
    let request = Request::script("exact.py", "print('x' * 1023)").output_limit(Bytes::kibi(1));
    expect(&template.execute(request)?, Status::Exited(0), &("x".repeat(1023) + "\n"))
}

fn randomness(template: &Template) -> Result<(), Failed> {
    let code = "
import os, random, secrets, ssl, tempfile, uuid
print(random.random(), uuid.uuid4(), secrets.token_hex(8), ssl.RAND_bytes(8).hex(), os.urandom(8).hex(),
      random.SystemRandom().random(), next(tempfile._get_candidate_names()))
";
    let mut drawn: Vec<Vec<String>> = Vec::new();
    for _ in 0..200 {
        let outcome = template.run(code)?;
        let words: Vec<String> = outcome.stdout_lossy().split_whitespace().map(str::to_owned).collect();
        if words.len() != 7 {
            return Err(outcome.stderr_lossy().into_owned().into());
        }
        drawn.push(words);
    }
    for source in 0..7 {
        let mut values: Vec<&String> = drawn.iter().map(|words| &words[source]).collect();
        values.sort();
        values.dedup();
        if values.len() != 200 {
            return Err(format!("source {source} gave {} different values", values.len()).into());
        }
    }
    Ok(())
}

fn arguments(template: &Template) -> Result<(), Failed> {
    let request = Request::script("args.py", "import sys; print(sys.argv, __name__, __file__)")
        .argument("a")
        .argument("");
    expect(
        &template.execute(request)?,
        Status::Exited(0),
        "['args.py', 'a', ''] __main__ /home/sandbox/args.py\n",
    )?;
    let request =
        Request::script("<stdin>", "import sys; print(sys.argv, __file__)").argv0("-").argument("a");
    expect(&template.execute(request)?, Status::Exited(0), "['-', 'a'] <stdin>\n")?;
    let code = "import sys; print(sys.argv, '__file__' in globals())";
    expect(&template.run(code)?, Status::Exited(0), "['-c'] False\n")
}

fn big_script(template: &Template) -> Result<(), Failed> {
    let code = format!("x = '{}'\nprint(len(x))", "y".repeat(3_000_000));
    expect(&template.run(&code)?, Status::Exited(0), "3000000\n")
}

fn interpreter_is_the_real_one(template: &Template) -> Result<(), Failed> {
    let outcome = template.run("import sys; print(sys.executable)")?;
    let wanted = template.interpreter().ok_or("not a Python template")?.executable().display().to_string();
    expect(&outcome, Status::Exited(0), &format!("{wanted}\n"))
}

fn spawned_ahead(template: &Template) -> Result<(), Failed> {
    let sandboxes = [template.spawn()?, template.spawn()?];
    let [first, second] = sandboxes;
    if first.seal().is_none() {
        return Err("no seal".into());
    }
    drop(second);
    expect(&first.run(Request::script("later.py", "print(3)"))?, Status::Exited(0), "3\n")
}
