//! Templates of several processes: one warm-up, one memory, sandboxes of all of them in turn, and one death for all.

mod common;

use std::collections::BTreeSet;
use std::num::NonZeroU8;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use common::{WarmFile, descendants, interpreters, run, skip};
use libtest_mimic::{Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use zeroboot::{BuildError, PageMapError, PoolOptions, Request, RunError, SpawnError, Template, page_map_of};

zeroboot::function! {
    name: "double",
    warm_up: || (),
    answer: |(): &(), number: u64| -> u64 { number * 2 },
}

fn main() -> ExitCode {
    zeroboot::init();
    run(vec![
        Trial::test("there_is_one_process_unless_more_are_asked_for", one),
        Trial::test("processes_serve_in_turn", in_turn),
        Trial::test("many_callers_see_one_warm_up", many_callers),
        Trial::test("memory_is_shared", shared),
        Trial::test("a_sandbox_does_not_show_whose_it_is", alike),
        Trial::test("what_is_copied_at_one_go_is_so_everywhere", write_heavy),
        Trial::test("every_kind_can_have_several", kinds),
        Trial::test("a_rehearsal_that_fails_costs_no_process", failing_rehearsal),
        Trial::test("a_failing_warm_up_is_told_as_ever", failing_warm_up),
        Trial::test("a_twin_is_no_sandbox", no_sandbox),
        Trial::test("with_one_process_all_end_and_are_built_again", death),
        Trial::test("a_pool_outlives_any_of_them", pool),
        Trial::test("rotation_replaces_all", rotation),
        Trial::test("a_dropped_template_leaves_nothing", dropped),
    ])
}

/// Long enough for a machine that does other things as well.
const PATIENCE: Duration = Duration::from_secs(20);

const THREE: NonZeroU8 = NonZeroU8::new(3).unwrap();

fn three() -> Result<Template, Failed> {
    Ok(Template::python().without_site().processes(THREE).build()?)
}

/// The processes of templates, of which the first has the lowest number: those that are in the warden's pid namespace, and not
/// the warden.
fn processes() -> Vec<Pid> {
    let depth = |pid: u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
        line.split_whitespace().count()
    };
    let own = depth(std::process::id());
    let found = descendants().into_iter();
    let found = found.filter(|(pid, name)| name != "zeroboot-warden" && depth(*pid) == own + 1);
    let mut pids: Vec<i32> = found.filter_map(|(pid, _)| i32::try_from(pid).ok()).collect();
    pids.sort_unstable();
    pids.into_iter().map(Pid::from_raw).collect()
}

/// A number in a file of `/proc`.
fn figure(process: Pid, file: &str, name: &str) -> Result<u64, Failed> {
    let text = std::fs::read_to_string(format!("/proc/{process}/{file}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| format!("no {name} in {file}").into())
}

/// How often each has waited: one that nobody asks waits on and on, which is once. Told when nothing has changed for a while.
fn waits() -> Result<Vec<u64>, Failed> {
    const CALM: Duration = Duration::from_millis(50);
    let found = processes();
    let deadline = Instant::now() + PATIENCE;
    let (mut last, mut since) = (Vec::new(), Instant::now());
    while since.elapsed() < CALM {
        if Instant::now() > deadline {
            return Err(format!("never calm: {last:?}").into());
        }
        std::thread::yield_now();
        let waits = found.iter().map(|process| figure(*process, "status", "voluntary_ctxt_switches"));
        let waits = waits.collect::<Result<Vec<_>, _>>()?;
        let status = |process| std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        if waits != last || !found.iter().all(|process| status(process).contains("State:\tS")) {
            (last, since) = (waits, Instant::now());
        }
    }
    Ok(last)
}

fn one() -> Result<(), Failed> {
    let _template = Template::python().without_site().build()?;
    match processes().len() {
        1 => Ok(()),
        other => Err(format!("{other} processes: {:?}", descendants()).into()),
    }
}

fn in_turn() -> Result<(), Failed> {
    let template = three()?;
    let mut before = waits()?;
    let mut served = vec![0; before.len()];
    for _ in 0..12 {
        template.run("print(1)")?;
        // Each request meets processes that wait, and so the one that serves it waits once more.
        let after = waits()?;
        let mut changed =
            before.iter().zip(&after).enumerate().filter(|(_, (before, after))| before != after);
        let (Some((which, _)), None) = (changed.next(), changed.next()) else {
            return Err(format!("{before:?}, then {after:?}").into());
        };
        served[which] += 1;
        before = after;
    }
    if served == [4, 4, 4] { Ok(()) } else { Err(format!("{served:?}").into()) }
}

fn many_callers() -> Result<(), Failed> {
    let file = WarmFile::new("token", "import os\ntoken = os.urandom(16).hex()\n")?;
    let template = Template::python().warm_file(&file.0).processes(THREE).build()?;
    let before = waits()?;
    let tokens: Vec<Result<Vec<u8>, RunError>> = std::thread::scope(|scope| {
        let run = || template.run("from warm import token; print(token)").map(|outcome| outcome.stdout);
        let callers: Vec<_> =
            (0..12).map(|_| scope.spawn(move || (0..25).map(|_| run()).collect())).collect();
        callers.into_iter().flat_map(|caller| -> Vec<_> { caller.join().unwrap_or_default() }).collect()
    });
    let tokens = tokens.into_iter().collect::<Result<Vec<_>, _>>()?;
    let different: BTreeSet<_> = tokens.iter().collect();
    let after = waits()?;
    let served = before.iter().zip(&after).filter(|(before, after)| before < after).count();
    if tokens.len() == 300 && different.len() == 1 && tokens[0].len() == 33 && served == 3 {
        return Ok(());
    }
    Err(format!("{} of {}: {different:?}; {before:?}, then {after:?}", different.len(), tokens.len()).into())
}

fn shared() -> Result<(), Failed> {
    let code = "import random\nlarge = bytearray(random.Random(7).randbytes(64 << 20))\n";
    let file = WarmFile::new("large", code)?;
    let template = Template::python().warm_file(&file.0).processes(THREE).build()?;
    let look = "from warm import large\nimport random\n\
        print(large == random.Random(7).randbytes(64 << 20))\nlarge[:] = bytes(len(large))\nprint(any(large))";
    for _ in 0..4 {
        let outcome = template.run(look)?;
        if outcome.stdout != b"True\nFalse\n" {
            return Err(format!("{outcome:?}").into());
        }
    }
    let found = processes();
    for process in &found {
        let of = |name| figure(*process, "smaps_rollup", name);
        let private = of("Private_Clean")? + of("Private_Dirty")?;
        if private > 8 << 10 {
            return Err(format!("{private} KiB of {process} are its own").into());
        }
    }
    if found.len() == 3 { Ok(()) } else { Err(format!("{found:?}").into()) }
}

fn alike() -> Result<(), Failed> {
    let template = Template::python().processes(THREE).build()?;
    let code = "
import os, random, signal, sys
print(id(print), os.getpid(), os.getppid(), os.getpgid(0), sorted(os.listdir('/proc/self/fd')), dict(os.environ), sys.argv)
print([line.split()[:2] for line in open('/proc/self/maps') if 'rw-p' not in line])
print([line for line in open('/proc/self/status') if line.startswith(('Sig', 'Shd', 'Cap', 'NoNew', 'Seccomp', 'NSpid'))])
print(signal.pthread_sigmask(signal.SIG_BLOCK, []), open('/proc/self/oom_score_adj').read(), os.nice(0))
";
    let mut seen = BTreeSet::new();
    let mut copied = Vec::new();
    let mut drawn = BTreeSet::new();
    for _ in 0..6 {
        let sandbox = template.spawn()?;
        let seal = sandbox.seal().ok_or("no seal")?;
        let held = format!("{:?} {} {:?}", seal.namespaces, seal.seccomp_filters, seal.missing);
        let outcome = sandbox.run(Request::code(code))?;
        seen.insert((held, outcome.stdout_lossy().into_owned(), outcome.stderr_lossy().into_owned()));
        copied.extend(outcome.account.memory.and_then(|memory| memory.copied_kib).map(|kib| kib.0));
        drawn.insert(template.run("import random; print(random.random())")?.stdout);
    }
    let (least, most) = (copied.iter().min(), copied.iter().max());
    // What is copied can be told where the host is root.
    let same_memory = least.zip(most).is_none_or(|(least, most)| *most <= least + least / 10);
    if seen.len() == 1 && drawn.len() == 6 && same_memory {
        Ok(())
    } else {
        Err(format!("{seen:#?}, {copied:?}, {drawn:?}").into())
    }
}

fn write_heavy() -> Result<(), Failed> {
    let code = "import zeroboot_template\nlarge = bytearray(b'\\1') * (32 << 20)\nzeroboot_template.write_heavy(large)\n";
    let file = WarmFile::new("heavy", code)?;
    let template = Template::python().warm_file(&file.0).huge_heap().processes(THREE).build()?;
    if template.write_heavy().is_none() {
        return skip("this machine has no transparent huge pages");
    }
    let code = "from warm import large\nfor i in range(0, len(large), 4096): large[i] += 1\nprint(sum(large[::4096]))\n";
    for _ in 0..6 {
        let outcome = template.run(code)?;
        let faults = outcome.account.faults.ok_or("its end was not seen")?.minor;
        if outcome.stdout != b"16384\n" || faults > 2048 {
            return Err(format!("{outcome:?}").into());
        }
    }
    Ok(())
}

/// A foreign program.
const COMMAND: &str = "
import ctypes, os, socket
library = ctypes.PyDLL('/proc/self/fd/' + os.environ['ZEROBOOT_FDS'].split(',')[2])
if library.zeroboot_serve(None, None) != 0:
    os._exit(1)
channel = socket.socket(fileno=3)
channel.recv(65536)
library.zeroboot_answer(b'answer', 6)
library.zeroboot_finish(0)
";

fn kinds() -> Result<(), Failed> {
    let template = Template::function("double").parked_shells(1).processes(THREE).build()?;
    for number in 0..6_u64 {
        if template.call::<_, u64>(&number)? != number * 2 {
            return Err("not its double".into());
        }
    }
    if processes().len() != 3 {
        return Err(format!("{:?}", descendants()).into());
    }
    drop(template);
    let found = interpreters();
    let Some(interpreter) = found.iter().find(|interpreter| interpreter.executable().starts_with("/usr"))
    else {
        return skip("no python3 below /usr");
    };
    let builder = Template::command(interpreter.executable()).argument("-I").argument("-c");
    let template = builder.argument(COMMAND).processes(THREE).build()?;
    for _ in 0..6 {
        let outcome = template.execute(Request::script("job", "x"))?;
        if outcome.answer != b"answer" || !outcome.status.success() {
            return Err(format!("{outcome:?}").into());
        }
    }
    if processes().len() == 3 { Ok(()) } else { Err(format!("{:?}", descendants()).into()) }
}

fn failing_rehearsal() -> Result<(), Failed> {
    let template = Template::python().rehearsal("import os; os._exit(0)").processes(THREE).build()?;
    for _ in 0..3 {
        let outcome = template.run("print(1)")?;
        if template.copied_pages().is_some() || outcome.stdout != b"1\n" {
            return Err(format!("{outcome:?}").into());
        }
    }
    if processes().len() == 3 { Ok(()) } else { Err(format!("{:?}", descendants()).into()) }
}

fn failing_warm_up() -> Result<(), Failed> {
    let file = WarmFile::new("failing", "raise ValueError('no data')")?;
    match Template::python().warm_file(&file.0).processes(THREE).build() {
        Err(BuildError::WarmCode { cause, .. }) if cause == "ValueError: no data" => {}
        other => return Err(format!("{other:?}").into()),
    }
    let file = WarmFile::new("ending", "import os\nos._exit(3)")?;
    match Template::python().warm_file(&file.0).processes(THREE).build() {
        Err(BuildError::Died { how, .. }) if how == "exit status 3" => {}
        other => return Err(format!("{other:?}").into()),
    }
    if descendants().is_empty() { Ok(()) } else { Err(format!("{:?}", descendants()).into()) }
}

fn no_sandbox() -> Result<(), Failed> {
    let _template = three()?;
    for process in processes() {
        let pid = process.as_raw().unsigned_abs();
        match page_map_of(pid) {
            Err(PageMapError::NoSandbox(named)) if named == pid => {}
            other => return Err(format!("{other:?}").into()),
        }
    }
    Ok(())
}

fn death() -> Result<(), Failed> {
    let template = three()?;
    for victim in 0..3 {
        let before = processes();
        // One of each.
        let held = (0..3).map(|_| template.spawn()).collect::<Result<Vec<_>, _>>()?;
        kill(before[victim], Signal::SIGKILL)?;
        for sandbox in held {
            match sandbox.run(Request::code("import time; time.sleep(60)")) {
                Err(RunError::TemplateDied | RunError::Spawn(SpawnError::TemplateDied)) => {}
                other => return Err(format!("{victim}: {other:?}").into()),
            }
        }
        let deadline = Instant::now() + PATIENCE;
        let outcome = loop {
            match template.run("print(3)") {
                Ok(outcome) => break outcome,
                Err(RunError::TemplateDied | RunError::Spawn(SpawnError::TemplateDied))
                    if Instant::now() < deadline => {}
                Err(other) => return Err(other.into()),
            }
        };
        let after = processes();
        if outcome.stdout != b"3\n" || after.len() != 3 || after.iter().any(|it| before.contains(it)) {
            return Err(format!("{victim}: {outcome:?}, {before:?}, {after:?}").into());
        }
    }
    Ok(())
}

fn pool() -> Result<(), Failed> {
    let pool = three()?.pool_with(PoolOptions::new(6))?;
    pool.wait_until_full(PATIENCE)?;
    let last = processes().pop().ok_or("no processes")?;
    kill(last, Signal::SIGKILL)?;
    let deadline = Instant::now() + PATIENCE;
    while pool.counters().refills < 12 || pool.counters().parked < 6 {
        if Instant::now() > deadline {
            return Err(format!("{:?}", pool.counters()).into());
        }
        std::thread::yield_now();
    }
    for _ in 0..12 {
        let outcome = pool.run("print(3)")?;
        if outcome.stdout != b"3\n" {
            return Err(format!("{outcome:?}").into());
        }
    }
    if processes().len() == 3 { Ok(()) } else { Err(format!("{:?}", descendants()).into()) }
}

fn rotation() -> Result<(), Failed> {
    let template = three()?;
    let before = processes();
    let older = template.spawn()?;
    template.rotate()?;
    if processes().len() != 6 {
        return Err(format!("{:?}", descendants()).into());
    }
    let outcome = older.run(Request::code("print(1)"))?;
    let after = processes();
    if outcome.stdout == b"1\n" && after.len() == 3 && after.iter().all(|it| !before.contains(it)) {
        Ok(())
    } else {
        Err(format!("{outcome:?}, {before:?}, {after:?}").into())
    }
}

fn dropped() -> Result<(), Failed> {
    let template = three()?;
    let sandbox = template.spawn()?;
    template.run("print(1)")?;
    drop(template);
    if processes().len() != 3 {
        return Err(format!("{:?}", descendants()).into());
    }
    drop(sandbox);
    if descendants().is_empty() { Ok(()) } else { Err(format!("{:?}", descendants()).into()) }
}
