//! Templates that warm up well, and templates that must be refused; numpy and pandas from a virtualenv.

mod common;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use common::{WarmFile, descendants, run, skip, virtualenv};
use libtest_mimic::{Failed, Trial};
use nix::sys::resource::{Resource, getrlimit};
use zeroboot::{BuildError, Bytes, Interpreter, InterpreterError, Template};

fn main() -> ExitCode {
    run(vec![
        Trial::test("a_warm_file_is_a_module", warm_file),
        Trial::test("an_interpreter_without_site_has_the_standard_library_alone", without_site),
        Trial::test("what_the_rehearsal_wrote_costs_no_faults", rehearsal),
        Trial::test("declared_memory_is_copied_at_one_go", declared),
        Trial::test("densely_rewritten_memory_is_learned_and_copied_at_one_go", learned),
        Trial::test("fresh_heap_comes_in_huge_pages_where_asked", huge_heap),
        Trial::test("a_template_is_frozen_and_its_sandboxes_find_all_of_it", frozen),
        Trial::test("a_rehearsal_that_fails_leaves_a_template_that_serves", failing_rehearsal),
        Trial::test("a_rehearsal_leaves_nothing_behind", rehearsal_is_a_sandbox),
        Trial::test("more_shells_than_a_socket_holds_are_parked", many_shells),
        Trial::test("a_failing_import_is_named", failing_import),
        Trial::test("a_failing_warm_file_has_its_own_remedy_and_shows_what_it_printed", failing_warm_file),
        Trial::test("a_template_that_ends_says_how_and_what_it_printed", ending_template),
        Trial::test("a_missing_interpreter_is_named", missing_interpreter),
        Trial::test("a_free_threaded_interpreter_is_refused", free_threaded),
        Trial::test("a_thread_is_refused", thread),
        Trial::test("an_open_socket_is_refused", socket),
        Trial::test("numpy_and_pandas_work_from_a_virtualenv", scientific),
        Trial::test("generators_of_a_warm_up_draw_different_numbers", generators),
        Trial::test("numpy_random_differs_over_200_sandboxes", numpy_random),
        Trial::test("threads_of_a_library_are_named_with_its_variable", library_threads),
    ])
}

fn warm_file() -> Result<(), Failed> {
    let file = WarmFile::new("answer", "answer = 42\n")?;
    let template = Template::python().warm_file(&file.0).build()?;
    let outcome = template.run("from warm import answer; print(answer)")?;
    if outcome.stdout_lossy() == "42\n" { Ok(()) } else { Err(outcome.stderr_lossy().into_owned().into()) }
}

fn without_site() -> Result<(), Failed> {
    let code = "import json, random, sys\nprint(sys.flags.no_site, 'site' in sys.modules, [p for p in sys.path if p.endswith('-packages')])";
    let outcome = Template::python().without_site().import("sqlite3").build()?.run(code)?;
    if outcome.stdout_lossy() != "1 False []\n" {
        return Err(format!("{outcome:?}").into());
    }
    let outcome = Template::python().build()?.run("import sys; print('site' in sys.modules)")?;
    if outcome.stdout_lossy() == "True\n" { Ok(()) } else { Err(format!("{outcome:?}").into()) }
}

fn rehearsal() -> Result<(), Failed> {
    const PAGES: u64 = 400;
    let file = WarmFile::new("pages", &format!("pages = bytearray({PAGES} * 4096)\n"))?;
    let code =
        "from warm import pages\nfor i in range(0, len(pages), 4096): pages[i] += 1\nprint(pages[0])\n";
    let faults = |template: &Template| -> Result<u64, Failed> {
        let outcome = template.run(code)?;
        if outcome.stdout != b"1\n" {
            return Err(format!("not the template's memory: {outcome:?}").into());
        }
        Ok(outcome.account.faults.ok_or("its end was not seen")?.minor)
    };
    let template = Template::python().warm_file(&file.0).build()?;
    let rehearsed = Template::python().warm_file(&file.0).rehearsal(code).build()?;
    let (Some(few), Some(many)) = (template.copied_pages(), rehearsed.copied_pages()) else {
        return skip("this machine lets nobody pin pages: see the warning of the template's build");
    };
    let (without, with) = (faults(&template)?, faults(&rehearsed)?);
    // Each interpreter has a hash seed of its own, and so some pages more or fewer.
    let most = PAGES - PAGES / 10;
    if many < few + most || without < with + most {
        return Err(format!("{few} pages copied and {without} faults; {many} and {with}").into());
    }
    Ok(())
}

/// A script that rewrites the 32 MiB of a warm file, and its faults.
fn rewrite(template: &Template) -> Result<u64, Failed> {
    let code = "from warm import large\nfor i in range(0, len(large), 4096): large[i] += 1\nprint(sum(large[::4096]))\n";
    let first = template.run(code)?;
    let second = template.run(code)?;
    // Each sandbox has the template's content, and not its sibling's.
    if first.stdout != b"16384\n" || second.stdout != first.stdout {
        return Err(format!("{first:?}\n{second:?}").into());
    }
    Ok(second.account.faults.ok_or("its end was not seen")?.minor)
}

const LARGE: &str = "large = bytearray(b'\\1') * (32 << 20)\n";

fn declared() -> Result<(), Failed> {
    let plain = WarmFile::new("plain", LARGE)?;
    let declared = WarmFile::new(
        "declared",
        &format!("import zeroboot_template\n{LARGE}zeroboot_template.write_heavy(large)\n"),
    )?;
    let plain = Template::python().warm_file(&plain.0).build()?;
    let template = Template::python().warm_file(&declared.0).build()?;
    // The buffer need not begin at a boundary.
    if plain.write_heavy().is_some() || template.write_heavy() < Some(Bytes::mebi(28)) {
        return Err(format!("{:?} {:?}", plain.write_heavy(), template.write_heavy()).into());
    }
    fewer(rewrite(&plain)?, rewrite(&template)?)?;
    let refused =
        WarmFile::new("refused", "import zeroboot_template\nzeroboot_template.write_heavy(b'constant')\n")?;
    match Template::python().warm_file(&refused.0).build() {
        Err(error) if error.to_string().contains("BufferError") || error.cause().contains("BufferError") => {}
        other => return Err(format!("{other:?}").into()),
    }
    let outcome = template.run("import zeroboot_template")?;
    if outcome.stderr_lossy().contains("ModuleNotFoundError") {
        Ok(())
    } else {
        Err(format!("{outcome:?}").into())
    }
}

fn learned() -> Result<(), Failed> {
    let file = WarmFile::new("learned", LARGE)?;
    let code = "from warm import large\nfor i in range(0, len(large), 4096): large[i] += 1\n";
    let plain = Template::python().warm_file(&file.0).build()?;
    let template = Template::python().warm_file(&file.0).rehearsal(code).build()?;
    if template.write_heavy() < Some(Bytes::mebi(28)) || template.frozen().is_none() {
        return Err(format!("{:?} {:?}", template.write_heavy(), template.frozen()).into());
    }
    fewer(rewrite(&plain)?, rewrite(&template)?)?;
    // What a rehearsal allocates is nothing of the template's.
    let allocates = "text = b'\\1' * (32 << 20)\n";
    let template = Template::python().huge_heap().rehearsal(allocates).build()?;
    match (template.huge_heap(), template.write_heavy()) {
        (Some(_), None) => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

fn huge_heap() -> Result<(), Failed> {
    let code = "import os\ntext = b'\\1' * (32 << 20)\nprint(len(text), 'GLIBC_TUNABLES' in os.environ)\n";
    let faults = |template: Template| -> Result<u64, Failed> {
        let outcome = template.run(code)?;
        if outcome.stdout != b"33554432 False\n" {
            return Err(format!("{outcome:?}").into());
        }
        Ok(outcome.account.faults.ok_or("its end was not seen")?.minor)
    };
    fewer(faults(Template::python().build()?)?, faults(Template::python().huge_heap().build()?)?)
}

/// At least what whole blocks spare, where there are huge pages.
fn fewer(plain: u64, copied: u64) -> Result<(), Failed> {
    let setting = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    if setting.is_empty() || setting.contains("[never]") {
        return skip("this machine has no transparent huge pages");
    }
    let spared = 14 * 512;
    if plain >= copied + spared {
        Ok(())
    } else {
        Err(format!("{plain} faults, {copied} with a copy").into())
    }
}

fn frozen() -> Result<(), Failed> {
    let file = WarmFile::new(
        "large",
        "import random\nlarge = random.Random(7).randbytes(32 << 20)\nwritten = bytearray(large)\n",
    )?;
    let template = Template::python().warm_file(&file.0).build()?;
    let frozen = template.frozen();
    if frozen < Some(Bytes::mebi(64)) {
        return Err(format!("{frozen:?} is frozen").into());
    }
    let code = "
from warm import large, written
import random
print(random.Random(7).randbytes(32 << 20) == large == written)
written[:] = bytes(len(written))
print(any(written))
";
    for _ in 0..2 {
        let outcome = template.run(code)?;
        if outcome.stdout != b"True\nFalse\n" {
            return Err(format!("{outcome:?}").into());
        }
    }
    match Template::python().build()?.frozen() {
        None => Err("a small one is not".into()),
        Some(_) => Ok(()),
    }
}

fn failing_rehearsal() -> Result<(), Failed> {
    for code in
        ["raise ValueError", "import os; os._exit(0)", "import os; os.kill(os.getpid(), 9)", "syntax error"]
    {
        let template = Template::python().rehearsal(code).build()?;
        let outcome = template.run("print(1)")?;
        if template.copied_pages().is_some() || outcome.stdout != b"1\n" {
            return Err(format!("{code}: {:?}, {outcome:?}", template.copied_pages()).into());
        }
    }
    Ok(())
}

/// It runs as any sandbox does: what it changes is its own.
fn rehearsal_is_a_sandbox() -> Result<(), Failed> {
    let code = "import os, sys\nsys.marked = 1\nopen('/tmp/a', 'w')\nopen('b', 'w')\nos.environ['C'] = 'c'\n\
        if os.fork() == 0:\n  while True: pass\n";
    let template = Template::python().rehearsal(code).build()?;
    let look =
        "import os, sys; print(hasattr(sys, 'marked'), os.listdir('/tmp'), os.listdir(), 'C' in os.environ)";
    let outcome = template.run(look)?;
    if outcome.stdout == b"False [] [] False\n" { Ok(()) } else { Err(format!("{outcome:?}").into()) }
}

/// They are offered over a socket that nobody reads before the rehearsal, and which holds fewer than 300.
fn many_shells() -> Result<(), Failed> {
    const SHELLS: usize = 500;
    // A pidfd and rules of each are in the template, and as many of the warden's.
    if getrlimit(Resource::RLIMIT_NOFILE)?.0 < 4 * SHELLS as u64 {
        return skip("a process may not have as many files open");
    }
    let template = Template::python().parked_shells(SHELLS).build()?;
    if template.copied_pages().is_none() {
        return skip("this machine lets nobody pin pages, or the rehearsal has failed: see the warning");
    }
    let outcome = template.run("print(1)")?;
    let wardens = || descendants().into_iter().filter(|(_, name)| name == "zeroboot-warden").count();
    // The last ones are parked when nothing else happens.
    let deadline = Instant::now() + Duration::from_secs(20);
    while wardens() < SHELLS && Instant::now() < deadline {
        std::thread::yield_now();
    }
    if outcome.stdout == b"1\n" && wardens() >= SHELLS {
        Ok(())
    } else {
        Err(format!("{} processes of the warden; {outcome:?}", wardens()).into())
    }
}

fn failing_import() -> Result<(), Failed> {
    match Template::python().import("no_such_module").build() {
        Err(error @ BuildError::WarmUp { .. })
            if error.cause().contains("no_such_module") && error.remedy().is_some() =>
        {
            Ok(())
        }
        other => Err(format!("{other:?}").into()),
    }
}

fn failing_warm_file() -> Result<(), Failed> {
    for (code, cause, printed) in [
        ("print('one')\nraise ValueError('no data')", "ValueError: no data", "one"),
        ("import sys\nprint('two', file=sys.stderr)\n1 / 0", "ZeroDivisionError", "two"),
        (
            "import os, sys\nos.system('echo three')\nsys.stdout.close()\nsys.exit(2)",
            "SystemExit: 2",
            "three",
        ),
        ("import no_such_module", "no_such_module", ""),
        ("x = (", "SyntaxError", ""),
    ] {
        let file = WarmFile::new("failing", code)?;
        match Template::python().warm_file(&file.0).build() {
            Err(error @ BuildError::WarmCode { .. }) => {
                let (words, remedy) = (error.cause(), error.remedy().unwrap_or_default());
                let fine = words.contains(cause)
                    && words.contains(&file.0.display().to_string())
                    && words.contains("it printed: ") != printed.is_empty()
                    && words.contains(printed)
                    && remedy.contains("the file");
                if !fine {
                    return Err(format!("{words}; {remedy}").into());
                }
            }
            other => return Err(format!("{code}: {other:?}").into()),
        }
    }
    Ok(())
}

fn ending_template() -> Result<(), Failed> {
    let last = "print('\\n'.join('line %d' % n for n in range(9)), flush=True)";
    for (code, words) in [
        ("import os\nos._exit(3)", "the template ended while it warmed up (exit status 3)".to_owned()),
        (
            &format!("import os\n{last}\nos.kill(os.getpid(), 11)"),
            "the template ended while it warmed up (SIGSEGV); it printed: line 6\nline 7\nline 8".to_owned(),
        ),
    ] {
        let file = WarmFile::new("ending", code)?;
        match Template::python().warm_file(&file.0).build() {
            Err(error @ BuildError::Died { .. }) if error.cause() == words && error.remedy().is_some() => {}
            other => return Err(format!("{code}: {other:?}").into()),
        }
    }
    match Template::command("/bin/false").build() {
        Err(BuildError::Died { how, said }) if how == "exit status 1" && said.is_empty() => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

fn missing_interpreter() -> Result<(), Failed> {
    match Template::python().interpreter("/no/such/python3").build() {
        Err(error @ BuildError::Interpreter(InterpreterError::Start { .. })) if error.remedy().is_some() => {
            Ok(())
        }
        other => Err(format!("{other:?}").into()),
    }
}

/// A program that answers as such an interpreter does: few machines have one.
fn free_threaded() -> Result<(), Failed> {
    let answer = |flags| {
        format!(
            "#!/bin/sh\necho '{{\"executable\": \"/usr/bin/python3\", \"flags\": \"{flags}\", \"version\": [3, 13], \
             \"path\": [], \"prefixes\": []}}'\n"
        )
    };
    for (flags, refused) in [("t", true), ("", false)] {
        let program = WarmFile::new("interpreter", &answer(flags))?;
        std::fs::set_permissions(&program.0, std::fs::Permissions::from_mode(0o755))?;
        match Interpreter::probe(&program.0) {
            Err(error @ InterpreterError::FreeThreaded { .. }) if refused && error.remedy().is_some() => {}
            Ok(_) if !refused => {}
            other => return Err(format!("{flags:?}: {other:?}").into()),
        }
    }
    Ok(())
}

fn refused(template: Result<Template, BuildError>, words: &[&str]) -> Result<(), Failed> {
    match template {
        Err(error @ BuildError::Unsafe { .. }) => {
            let text = format!("{} {}", error.cause(), error.remedy().unwrap_or_default());
            match words.iter().find(|word| !text.contains(**word)) {
                Some(word) => Err(format!("no {word:?} in {text}").into()),
                None => Ok(()),
            }
        }
        other => Err(format!("{other:?}").into()),
    }
}

fn thread() -> Result<(), Failed> {
    let code = "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n";
    let file = WarmFile::new("thread", code)?;
    refused(
        Template::python().warm_file(&file.0).build(),
        &["thread", "Thread-1", "start them in the script"],
    )
}

fn socket() -> Result<(), Failed> {
    let file = WarmFile::new("socket", "import socket\npair = socket.socketpair()\n")?;
    refused(Template::python().warm_file(&file.0).build(), &["socket"])
}

fn scientific() -> Result<(), Failed> {
    let python = match virtualenv() {
        Ok(python) => python,
        Err(reason) => return skip(reason),
    };
    let template = Template::python().interpreter(python).import("numpy").import("pandas").build()?;
    let code = "import numpy, pandas\nprint(int(numpy.arange(10).sum()), int(pandas.Series([1, 2, 3]).sum()))\n\
        print((numpy.ones((50, 50)) @ numpy.ones((50, 50))).sum())";
    let outcome = template.run(code)?;
    let fine = outcome.stdout_lossy() == "45 6\n125000.0\n";
    if fine { Ok(()) } else { Err(format!("{:?} {}", outcome.stdout_lossy(), outcome.stderr_lossy()).into()) }
}

/// What a script prints, word by word, in so many sandboxes of a template: no word may stand twice.
fn all_different(template: &Template, code: &str, sandboxes: usize, words: usize) -> Result<(), Failed> {
    let mut drawn = BTreeSet::new();
    for _ in 0..sandboxes {
        let outcome = template.run(code)?;
        let found: Vec<_> = outcome.stdout_lossy().split_whitespace().map(str::to_owned).collect();
        if found.len() != words || !outcome.status.success() {
            return Err(format!("{outcome:?}").into());
        }
        drawn.extend(found);
    }
    if drawn.len() == sandboxes * words {
        Ok(())
    } else {
        Err(format!("{} different values of {}", drawn.len(), sandboxes * words).into())
    }
}

fn generators() -> Result<(), Failed> {
    let file = WarmFile::new(
        "generators",
        "
import gc, random, tempfile
class Own(random.Random):
    def seed(self, *args): pass
class Slots:
    __slots__ = ('inside',)
class Strange:
    @property
    def __class__(self): raise RuntimeError('asked for its class')
slots, strange, names = Slots(), Strange(), tempfile._RandomNameSequence()
slots.inside = random.Random()
plain, seeded, own, system = random.Random(), random.Random(42), Own(), random.SystemRandom()
# Of a pair the second number is kept.
plain.gauss(0, 1)
next(names)
def endless():
    generator = random.Random(7)
    while True: yield generator.random()
numbers = endless()
next(numbers)
gc.freeze()
",
    )?;
    let code = "from warm import *\nprint(plain.gauss(0, 1), plain.random(), seeded.random(), own.random(), system.random(), \
        slots.inside.random(), next(names), next(numbers))";
    all_different(&Template::python().warm_file(&file.0).build()?, code, 50, 8)?;
    // A script that wants the same numbers everywhere seeds by itself.
    let template = Template::python().warm_file(&file.0).build()?;
    let code = "from warm import seeded\nseeded.seed(42)\nprint(seeded.getrandbits(32))";
    let (first, second) = (template.run(code)?, template.run(code)?);
    if first.stdout == b"2746317213\n" && second.stdout == first.stdout {
        Ok(())
    } else {
        Err(format!("{first:?}\n{second:?}").into())
    }
}

fn numpy_random() -> Result<(), Failed> {
    let python = match virtualenv() {
        Ok(python) => python,
        Err(reason) => return skip(reason),
    };
    let file = WarmFile::new(
        "numpy",
        "
import numpy
from numpy.random import MT19937, PCG64, Generator, RandomState, default_rng
numpy.random.rand()
made, seeded, old, other = default_rng(), default_rng(42), RandomState(1), RandomState(PCG64(2))
twister, bits = Generator(MT19937(3)), PCG64(4)
# Of a pair the second number is kept.
old.normal(), other.normal(), numpy.random.normal()
",
    )?;
    let template = Template::python().interpreter(&python).warm_file(&file.0).build()?;
    let code = "import numpy\nfrom warm import *\n\
        print(numpy.random.normal(), numpy.random.rand(), numpy.random.default_rng().random(), made.random(), seeded.random(), \
        old.normal(), old.rand(), other.normal(), other.rand(), twister.random(), bits.random_raw())\n\
        print(seeded.spawn(1)[0].random() if hasattr(seeded, 'spawn') else made.random())";
    all_different(&template, code, 200, 12)?;
    let odd = WarmFile::new(
        "odd",
        "
import numpy
class Odd(numpy.random.PCG64):
    def __init__(self, seed, stream): super().__init__(seed)
odd = Odd(1, 2)
",
    )?;
    match Template::python().interpreter(python).warm_file(&odd.0).build() {
        Err(BuildError::WarmUp { cause, .. }) if cause.starts_with("a warm.Odd of the warm-up") => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

fn library_threads() -> Result<(), Failed> {
    let python = match virtualenv() {
        Ok(python) => python,
        Err(reason) => return skip(reason),
    };
    let template = || {
        let template = Template::python().interpreter(&python).import("numpy");
        template.warm_environment("OPENBLAS_NUM_THREADS", "4")
    };
    refused(template().build(), &["thread", "--warm-env OPENBLAS_NUM_THREADS=1"])?;
    // The remedy is true.
    template().warm_environment("OPENBLAS_NUM_THREADS", "1").build()?;
    Ok(())
}
