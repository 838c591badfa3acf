//! What the kernel counts for a user, not for a process: a sandbox that takes all it can leaves enough for its host and,
//! where it has a user id of its own, for its siblings.

mod common;

use std::io::{BufRead, BufReader};
use std::process::ExitCode;

use common::run;
use libtest_mimic::{Failed, Trial};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use zeroboot::{Input, Output, Request, Template};

fn main() -> ExitCode {
    run(vec![
        Trial::test("a_sandbox_has_these_limits", limits),
        Trial::test("who_queues_all_it_may_leaves_the_host_its_half", signals),
        Trial::test("who_has_many_descriptors_on_their_way_stops_nobody", descriptors),
        Trial::test("a_host_with_few_open_files_is_refused_as_an_ordinary_user", few_files),
        Trial::test("two_templates_share_no_user_id", user_ids),
    ])
}

fn is_root() -> bool {
    nix::unistd::Uid::effective().is_root()
}

/// What one sandbox prints while it holds what it has taken, and what `meanwhile` says then.
fn while_it_holds<T>(
    template: &Template,
    code: &str,
    meanwhile: impl FnOnce(&str) -> Result<T, Failed>,
) -> Result<T, Failed> {
    let (reader, writer) = std::io::pipe()?;
    let (said, far) = std::io::pipe()?;
    let code = format!("{code}\nprint(count, flush=True)\nimport sys\nsys.stdin.read()");
    let greedy =
        Request::script("greedy.py", code).stdin(Input::From(reader.into())).stdout(Output::To(far.into()));
    std::thread::scope(|scope| {
        let greedy = scope.spawn(|| template.execute(greedy));
        let mut count = String::new();
        let read = BufReader::new(said).read_line(&mut count);
        let answer = meanwhile(count.trim());
        drop(writer);
        let outcome = greedy.join().map_err(|_| "the greedy one panicked")??;
        read?;
        if outcome.status.success() { answer } else { Err(format!("{outcome:?}").into()) }
    })
}

/// The first line of `/proc/<pid>/limits` with this name: soft and hard.
fn limit(text: &str, name: &str) -> Result<[String; 2], Failed> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such limit")?;
    let mut words = line.split_whitespace().map(str::to_owned);
    Ok([words.next().ok_or("no soft limit")?, words.next().ok_or("no hard limit")?])
}

fn limits() -> Result<(), Failed> {
    let outcome = Template::python().build()?.run("print(open('/proc/self/limits').read())")?;
    let text = outcome.stdout_lossy();
    let (signals, _) = getrlimit(Resource::RLIMIT_SIGPENDING)?;
    let (files, _) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let files = if is_root() { files } else { files / 2 };
    for (name, most) in [
        ("Max pending signals", (signals / 2).min(1024)),
        ("Max open files", files.min(1024)),
        ("Max msgqueue size", 0),
        ("Max nice priority", 0),
        ("Max realtime priority", 0),
    ] {
        let found = limit(&text, name)?;
        if found != [most.to_string(), most.to_string()] {
            return Err(format!("{name}: {found:?} instead of {most}").into());
        }
    }
    Ok(())
}

/// Each timer takes a place in the queue of signals ahead.
const TIMERS: &str = "
import ctypes
call = ctypes.CDLL(None, use_errno=True).syscall
count, timer = 0, ctypes.c_int()
while count < 5000 and call(222, 1, None, ctypes.byref(timer)) == 0: count += 1
";

fn signals() -> Result<(), Failed> {
    if !cfg!(target_arch = "x86_64") {
        return common::skip("the number of the call is that of x86_64");
    }
    let template = Template::python().build()?;
    while_it_holds(&template, TIMERS, |count| {
        let taken: u64 = count.parse()?;
        let status = std::fs::read_to_string("/proc/self/status")?;
        let queued = status.lines().find_map(|line| line.strip_prefix("SigQ:")).ok_or("no queue")?;
        let (queued, most) = queued.trim().split_once('/').ok_or("no limit")?;
        let (queued, most): (u64, u64) = (queued.parse()?, most.parse()?);
        if taken == 0 || taken > 1024 || queued > most / 2 {
            return Err(format!("{taken} timers; the host's user has queued {queued} of {most}").into());
        }
        let sibling = template.run(&format!("{TIMERS}\nprint(count)"))?;
        // Where they have one user id they have one queue.
        let left: u64 = sibling.stdout_lossy().trim().parse()?;
        if is_root() && left != taken { Err(format!("{left} timers beside {taken}").into()) } else { Ok(()) }
    })
}

/// Leaves copies of one descriptor in messages that nobody reads, until the kernel refuses.
const ON_THEIR_WAY: &str = "
import array, socket
null, kept, count = open('/dev/null'), [], 0
copies = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [null.fileno()] * 200))]
try:
    while count < 100000:
        pair = socket.socketpair()
        kept.append(pair)
        for _ in range(4):
            pair[0].sendmsg([b'x'], copies)
            count += 200
except OSError as error: kept.append(error.errno)
";

fn descriptors() -> Result<(), Failed> {
    with_open_files(1024, || {
        let template = Template::python().build()?;
        while_it_holds(&template, ON_THEIR_WAY, |count| {
            let taken: u64 = count.parse()?;
            if taken < 400 {
                return Err(format!("{taken} on their way: not a fair test").into());
            }
            for _ in 0..20 {
                let sibling = template.run("print(1)")?;
                if sibling.stdout != b"1\n" {
                    return Err(format!("{sibling:?}").into());
                }
            }
            drop(Template::python().build()?);
            Ok(())
        })
    })
}

/// Runs it with another soft limit of open files.
fn with_open_files<T>(count: u64, body: impl FnOnce() -> T) -> T {
    let before = getrlimit(Resource::RLIMIT_NOFILE);
    if let Ok((_, hard)) = before {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, count.min(hard), hard);
    }
    let result = body();
    if let Ok((soft, hard)) = before {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, soft, hard);
    }
    result
}

fn few_files() -> Result<(), Failed> {
    match with_open_files(300, || Template::python().build()) {
        Ok(_) if is_root() => Ok(()),
        Err(error @ zeroboot::BuildError::OpenFiles(_)) if !is_root() => {
            let remedy = error.remedy().ok_or("no remedy")?;
            if remedy.contains("ulimit -n 333") { Ok(()) } else { Err(remedy.into()) }
        }
        other => Err(format!("{other:?}").into()),
    }
}

/// The ids that a template's sandboxes have outside: the first one, and how many.
fn lent(template: &Template) -> Result<(u64, u64), Failed> {
    let outcome = template.run("print(open('/proc/self/uid_map').read())")?;
    let numbers: Vec<u64> =
        outcome.stdout_lossy().split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    match numbers[..] {
        [_, outside, count] => Ok((outside, count)),
        _ => Err(format!("{outcome:?}").into()),
    }
}

fn user_ids() -> Result<(), Failed> {
    if !is_root() {
        return common::skip("an ordinary user lends its own id only");
    }
    let templates = [Template::python().build()?, Template::python().build()?];
    let [(first, count), (second, _)] = [lent(&templates[0])?, lent(&templates[1])?];
    // The ids of a template that is no more are lent again.
    if first.abs_diff(second) >= count { Ok(()) } else { Err(format!("{first} and {second}").into()) }
}
