//! The end of a script is the interpreter's own: each of these programs runs once in a sandbox and once outside.

mod common;

use std::process::{Command, ExitCode, Stdio};

use common::{WarmFile, interpreters, run};
use libtest_mimic::{Failed, Trial};
use zeroboot::{Interpreter, Request, Status, Template};

/// Programs that leave something: in a buffer, in a destructor, in a generator, in a thread.
const PROGRAMS: &[&str] = &[
    "import io, sys\nprint('before')\nsys.stdout = io.StringIO()\nprint('lost outside, too')",
    "import sys\nprint('before')\nsys.stdout = None\nprint('nowhere')",
    "import sys\nprint('before')\ndel sys.stdout",
    "import sys\nprint('before')\nclass Tee:\n    def write(self, text): sys.__stdout__.write(text)\n\
     sys.stdout = Tee()\nprint('by the tee')\nsys.stdout.flush = lambda: None",
    "import sys\nprint('before')\nsys.stdout = open('/tmp/file', 'w')\nprint('into a file')",
    "import sys\nprint('before')\nsys.stdout.close()",
    "import sys\nsys.stdout.detach().write(b'bytes\\n')",
    "out = open(1, 'w', closefd=False)\nprint('by a second file', file=out)",
    "import csv\nout = open(1, 'w', closefd=False)\nwriter = csv.writer(out)\nwriter.writerow([1, 2])",
    "import gzip, io\nout = gzip.open(open(1, 'wb', closefd=False), 'wt')\nout.write('zipped')\nkept = out",
    "import ctypes\nctypes.CDLL(None).printf(b'by C\\n')",
    "class Log:\n    def __del__(self): print('closed')\nlog = Log()\nother = [log]\nother.append(other)",
    "def steps():\n    try:\n        yield 1\n    finally:\n        print('finished')\nheld = steps()\nnext(held)",
    "import atexit\natexit.register(print, 'first')\natexit.register(print, 'second')\nprint('script')",
    "import weakref\nclass Thing: pass\nthing = Thing()\nweakref.finalize(thing, print, 'finalized')",
    "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.05), print('thread'))).start()",
    "import threading, time\nthreading.Thread(target=time.sleep, args=(9,), daemon=True).start()\nprint('main')",
    "import builtins\nbuiltins.log = open(1, 'w', closefd=False)\nbuiltins.log.write('kept by a module\\n')\nbuiltins.log.flush()",
    "import json\nclass Log:\n    def __del__(self): print('closed')\nlog = Log()\njson.hook = lambda: log",
    "import sys\nsys.exit(-1)",
    "import sys\nsys.exit(True)",
    "import sys\nsys.exit([1, 2])",
    "import sys\nprint('out')\nsys.exit('said')",
    "raise SystemExit",
    "import sys\nclass Quiet:\n    def write(self, text): pass\n    def flush(self): pass\n\
     sys.stderr = Quiet()\nclass Code:\n    def __str__(self):\n        sys.stderr = None\n        return 'q'\nsys.exit(Code())",
    "import sys\nsys.stderr = None\nsys.exit('bye')",
    "class Stop(KeyboardInterrupt): pass\nraise Stop",
    "import signal, time\nclass Log:\n    def __del__(self): print(time.time() > 0)\n\
     signal.signal(signal.SIGTERM, lambda *_: 0)\nlog = Log()",
    "print(type(__loader__).__name__, __file__)",
    "print('out')\nraise KeyboardInterrupt",
    "class Log:\n    def __del__(self): print('closed')\ndef fail():\n    log = Log()\n    1 / 0\nfail()",
    "import sys\nsys.excepthook = lambda *error: print('hook', error[0].__name__)\n1 / 0",
    "import sys\ndef hook(*error): raise ValueError('in the hook')\nsys.excepthook = hook\n1 / 0",
    "import traceback\ntraceback.print_stack()\ndef inner(): traceback.print_stack()\ninner()",
    "import faulthandler, threading\nfaulthandler.dump_traceback(all_threads=False)",
    "import sys\nseen = []\nsys.setprofile(lambda frame, event, value: seen.append(frame.f_code.co_filename))\n\
     len('x')\nsys.setprofile(None)\nprint(set(seen))",
    "import inspect\ndef f():\n    return 1\nprint(inspect.getsource(f), inspect.stack()[-1].filename == __file__)",
    "print(sorted(globals()), __file__, __name__, __spec__, __doc__)",
    "import sys\nprint(sys.flags, sys.path[0], sys.argv)",
    "import pickle\nclass Thing: pass\nprint(type(pickle.loads(pickle.dumps(Thing()))).__module__)",
    "import warnings\nwarnings.warn('from the script')",
    "import os\nprint('lost')\nos._exit(3)",
    "x = 'syntax\n",
];

fn main() -> ExitCode {
    let ends = interpreters().into_iter().map(|interpreter| {
        let (major, minor) = interpreter.version();
        let name = format!("ends_as_outside with {major}.{minor} {}", interpreter.executable().display());
        Trial::test(name, move || ends_as_outside(&interpreter))
    });
    let mut trials: Vec<_> = ends.collect();
    trials.push(Trial::test("a_status_too_large_for_c_is_255", large_status));
    trials.push(Trial::test("what_c_code_prints_at_warm_up_comes_out_once", printed_at_warm_up));
    trials.push(Trial::test("what_threads_keep_for_themselves_stays", thread_values));
    trials.push(Trial::test("settings_of_the_environment_take_effect", settings));
    trials.push(Trial::test("a_module_runs_as_a_program", module));
    run(trials)
}

/// Runs it in a mount namespace whose `/home/sandbox` is an empty directory, with the environment of a sandbox.
fn outside(interpreter: &Interpreter, code: &str) -> Result<(Option<i32>, String, String), Failed> {
    let script = "mount -t tmpfs none /home && mkdir /home/sandbox && cd /home/sandbox && cat >job.py && \
                  exec env -i PATH=/usr/bin:/bin HOME=/home/sandbox LANG=C.UTF-8 \"$0\" job.py </dev/null";
    let mut child = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .arg(interpreter.executable())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        std::io::Write::write_all(&mut stdin, code.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let status = std::os::unix::process::ExitStatusExt::signal(&output.status).map(|signal| 128 + signal);
    Ok((output.status.code().or(status), text(&output.stdout), text(&output.stderr)))
}

fn ends_as_outside(interpreter: &Interpreter) -> Result<(), Failed> {
    let template = Template::python().interpreter(interpreter.executable()).build()?;
    let mut wrong = String::new();
    for code in PROGRAMS {
        let wanted = outside(interpreter, code)?;
        let outcome = template.execute(Request::script("job.py", *code))?;
        let status = match outcome.status {
            Status::Exited(code) => Some(i32::from(code)),
            Status::Signaled(signal) => Some(128 + signal),
            _ => None,
        };
        let found = (status, outcome.stdout_lossy().into_owned(), outcome.stderr_lossy().into_owned());
        if wanted != found {
            wrong += &format!("{code}\n  outside: {wanted:?}\n  in a sandbox: {found:?}\n");
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.into()) }
}

/// Some versions print a second error of their own outside.
fn large_status() -> Result<(), Failed> {
    for interpreter in interpreters() {
        let template = Template::python().interpreter(interpreter.executable()).build()?;
        let outcome = template.run("import sys; sys.exit(2 ** 70)")?;
        if outcome.status != Status::Exited(255) {
            return Err(format!("{}: {}", interpreter.executable().display(), outcome.status).into());
        }
    }
    Ok(())
}

fn printed_at_warm_up() -> Result<(), Failed> {
    let warm = WarmFile::new("prints", "import ctypes\nctypes.CDLL(None).printf(b'C at the warm-up')\n")?;
    let template = Template::python().warm_file(&warm.0).build()?;
    for _ in 0..2 {
        let outcome = template.run("import ctypes; ctypes.CDLL(None).fflush(None)")?;
        if outcome.stdout != b"" {
            return Err(outcome.stdout_lossy().into_owned().into());
        }
    }
    Ok(())
}

/// The warm-up's thread has another state than the script's: what it holds for its thread goes over.
fn thread_values() -> Result<(), Failed> {
    let warm = WarmFile::new(
        "values",
        "import contextvars, decimal, threading\nlocal = threading.local()\nlocal.value = 7\n\
         variable = contextvars.ContextVar('variable')\nvariable.set(8)\ndecimal.getcontext().prec = 5\n",
    )?;
    let code = "import decimal, threading, warm\n\
                print(warm.local.value, warm.variable.get(), decimal.getcontext().prec)\n\
                print(threading.current_thread() is threading.main_thread(), threading.main_thread().is_alive())";
    for interpreter in interpreters() {
        let template = Template::python().interpreter(interpreter.executable()).warm_file(&warm.0).build()?;
        let outcome = template.run(code)?;
        if outcome.stdout_lossy() != "7 8 5\nTrue True\n" {
            let program = interpreter.executable().display();
            return Err(format!("{program}: {}{}", outcome.stdout_lossy(), outcome.stderr_lossy()).into());
        }
    }
    Ok(())
}

fn settings() -> Result<(), Failed> {
    let template = Template::python().build()?;
    for (name, value, code, wanted) in [
        ("TZ", "Asia/Tokyo", "import time; print(time.localtime(0).tm_hour, time.tzname[0])", "9 JST\n"),
        ("PYTHONPATH", "/usr:/tmp", "import sys; print(sys.path[1:3])", "['/usr', '/tmp']\n"),
        ("PYTHONIOENCODING", "latin-1", "import sys; print(sys.stdout.encoding)", "latin-1\n"),
        (
            "PYTHONWARNINGS",
            "error",
            "import warnings\ntry: warnings.warn('x')\nexcept UserWarning: print(1)",
            "1\n",
        ),
        ("PYTHONFAULTHANDLER", "1", "import faulthandler; print(faulthandler.is_enabled())", "True\n"),
        ("PYTHONDONTWRITEBYTECODE", "1", "import sys; print(sys.dont_write_bytecode)", "True\n"),
        ("PYTHONUNBUFFERED", "1", "import os; print('passed on'); os._exit(0)", "passed on\n"),
        ("PYTHONUNBUFFERED", "0", "import os; print('in a buffer'); os._exit(0)", ""),
        ("PYTHONDONTWRITEBYTECODE", "0", "import sys; print(sys.dont_write_bytecode)", "False\n"),
        ("PYTHONTRACEMALLOC", "0", "import tracemalloc; print(tracemalloc.is_tracing())", "False\n"),
        (
            "PYTHONIOENCODING",
            "ascii",
            "import sys; print(sys.stderr.errors, sys.stdout.errors)",
            "backslashreplace strict\n",
        ),
        ("PYTHONUNBUFFERED", "", "import os; print('in a buffer'); os._exit(0)", ""),
        ("PYTHONTRACEMALLOC", "2", "import tracemalloc; print(tracemalloc.get_traceback_limit())", "2\n"),
    ] {
        let outcome = template.execute(Request::code(code).environment(name, value))?;
        if outcome.stdout_lossy() != wanted {
            return Err(format!("{name}={value}: {outcome:?}").into());
        }
    }
    Ok(())
}

fn module() -> Result<(), Failed> {
    let template = Template::python().build()?;
    let request = Request::module("json.tool").stdin(zeroboot::Input::Bytes(b"{\"a\": 1}".to_vec()));
    let outcome = template.execute(request)?;
    if outcome.stdout_lossy() != "{\n    \"a\": 1\n}\n" {
        return Err(format!("{outcome:?}").into());
    }
    let outcome = template.execute(Request::module("no_such_module"))?;
    let said = outcome.stderr_lossy();
    if outcome.status == Status::Exited(1) && said.contains("No module named no_such_module") {
        Ok(())
    } else {
        Err(said.into_owned().into())
    }
}
