//! What bounds a whole sandbox: by its cgroup, and by what there is where there is none.

mod common;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::LazyLock;

use common::{run, skip};
use libtest_mimic::{Failed, Trial};
use zeroboot::{
    BuildError, Bytes, Cpus, Input, LimitMet, Missing, Outcome, Output, Policy, Protection, Request, Rule,
    Status, Template,
};

fn main() -> ExitCode {
    run(vec![
        Trial::test("memory_is_bounded_over_all_processes", || bounded(memory)),
        Trial::test("files_in_memory_count", || bounded(memory_files)),
        Trial::test("who_stays_below_the_memory_limit_is_left_alone", || bounded(below)),
        Trial::test("a_neighbour_does_not_notice", || bounded(neighbour)),
        Trial::test("processes_are_bounded", || bounded(processes)),
        Trial::test("cpu_time_is_bounded", || bounded(cpu_time)),
        Trial::test("no_cgroup_is_left", || bounded(nothing_is_left)),
        Trial::test("without_a_cgroup_each_process_has_a_memory_limit", memory_of_each),
        Trial::test("a_limit_that_cannot_be_had_is_an_error", cannot_be_had),
    ])
}

/// Runs what needs every controller; skips it where they are not to be had.
fn bounded(test: fn() -> Result<(), Failed>) -> Result<(), Failed> {
    static LACK: LazyLock<Option<String>> = LazyLock::new(|| {
        let error = template(strict().memory(Bytes::mebi(64)).cpus(Cpus::milli(1000))).err()?;
        Some(error.cause())
    });
    match LACK.as_deref() {
        None => test(),
        Some(cause) => skip(cause),
    }
}

fn strict() -> Policy {
    Policy::strict().protection(Protection::Cgroup, Rule::Require)
}

fn template(policy: Policy) -> Result<Template, BuildError> {
    Template::python().policy(policy).build()
}

fn expect(outcome: &Outcome, holds: bool) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(format!("{outcome:?}").into()) }
}

/// Takes memory in several processes, none of which takes too much.
const IN_PARTS: &str = "
import os, sys
for _ in range(5):
    if os.fork() == 0:
        taken = bytearray(os.urandom(1 << 20) * 20)
        os.read(0, 1)
        os._exit(0)
os.wait()
print('here')
";

fn memory() -> Result<(), Failed> {
    let template = template(strict().memory(Bytes::mebi(64)))?;
    // Nobody writes into the pipe: the processes go on holding what they have.
    let (reader, _writer) = std::io::pipe()?;
    let request = Request::script("parts.py", IN_PARTS).stdin(Input::From(reader.into()));
    let outcome = template.execute(request)?;
    let killed = outcome.account.cgroup.oom_kills > Some(0) && outcome.stdout.is_empty();
    expect(&outcome, outcome.status == Status::MemoryLimit && killed)?;
    let next = template.run("print(1)")?;
    expect(&next, next.stdout == b"1\n" && next.account.cgroup.oom_kills == Some(0))
}

fn memory_files() -> Result<(), Failed> {
    let template = template(strict().memory(Bytes::mebi(32)).tmp(Bytes::mebi(256)))?;
    for place in ["/dev/shm", "/tmp", "/home/sandbox"] {
        let code = format!(
            "
with open('{place}/file', 'wb') as file:
    for _ in range(64): file.write(bytes(1 << 20))
print('here')"
        );
        let outcome = template.run(&code)?;
        expect(&outcome, outcome.status == Status::MemoryLimit && outcome.stdout.is_empty())?;
    }
    Ok(())
}

fn below() -> Result<(), Failed> {
    let outcome =
        template(strict().memory(Bytes::mebi(64)))?.run("taken = b'x' * (24 << 20); print(len(taken))")?;
    expect(&outcome, outcome.status.success() && outcome.account.cgroup.oom_kills == Some(0))?;
    let bounds = outcome.seal.as_ref().and_then(|seal| seal.cgroup.as_ref());
    expect(&outcome, bounds.is_some_and(|bounds| bounds.memory == Some(Bytes::mebi(64))))?;
    // The kernel tells the peak from 5.19 on.
    let peak = outcome.account.cgroup.memory_peak;
    expect(&outcome, peak.is_none_or(|peak| (Bytes::mebi(24)..Bytes::mebi(64)).contains(&peak)))
}

/// One waits with its memory taken while another dies for want of some.
fn neighbour() -> Result<(), Failed> {
    let template = template(strict().memory(Bytes::mebi(64)))?;
    let code = "import sys\ntaken = b'x' * (32 << 20)\nprint('here', flush=True)\nsys.stdin.read()\nprint(len(taken))";
    let (reader, writer) = std::io::pipe()?;
    let (mut told, far) = std::io::pipe()?;
    let patient =
        Request::script("patient.py", code).stdin(Input::From(reader.into())).stdout(Output::To(far.into()));
    std::thread::scope(|scope| {
        let patient = scope.spawn(|| template.execute(patient));
        let mut word = [0; 5];
        std::io::Read::read_exact(&mut told, &mut word)?;
        let greedy = template.run("taken = b'x' * (128 << 20)")?;
        expect(&greedy, greedy.status == Status::MemoryLimit)?;
        drop(writer);
        let patient = patient.join().map_err(|_| "the patient one panicked")??;
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut told, &mut rest)?;
        expect(&patient, patient.status.success() && rest == "33554432\n")
    })
}

fn processes() -> Result<(), Failed> {
    let code = "
import os
others = 0
try:
    while others < 100:
        if os.fork() == 0:
            os.read(0, 1)
            os._exit(0)
        others += 1
except BlockingIOError: pass
print(others, flush=True)
os.kill(os.getpid(), 9)
";
    let (reader, _writer) = std::io::pipe()?;
    let request = Request::script("forks.py", code).stdin(Input::From(reader.into()));
    let outcome = template(strict().processes(8))?.execute(request)?;
    let bounds = outcome.seal.as_ref().and_then(|seal| seal.cgroup.as_ref());
    expect(&outcome, bounds.is_some_and(|bounds| bounds.processes == Some(8)))?;
    expect(&outcome, outcome.account.limits_met == [LimitMet::Processes])?;
    expect(&outcome, outcome.stdout == b"7\n")
}

fn cpu_time() -> Result<(), Failed> {
    let code = "import time\nwhile time.process_time() < 0.2: pass\nprint('here')";
    let outcome = template(strict().cpus(Cpus::milli(100)))?.run(code)?;
    let seal = outcome.seal.as_ref();
    let bounds = seal.and_then(|seal| seal.cgroup.as_ref());
    expect(&outcome, bounds.is_some_and(|bounds| bounds.cpus == Some(Cpus::milli(100))))?;
    expect(&outcome, seal.is_some_and(|seal| !seal.missing.contains(&Missing::CpuLimit)))?;
    // At a tenth of a processor it has had to wait.
    let waited = outcome.account.cgroup.throttled.is_some_and(|time| !time.is_zero());
    expect(&outcome, outcome.stdout == b"here\n" && waited)
}

/// The cgroups of this process's templates: each has the number of its warden in its name.
fn groups() -> Vec<PathBuf> {
    let own = format!(" {} ", std::process::id());
    let is_ours = |name: &str| {
        let warden = name.strip_prefix("zeroboot-");
        let stat = warden.and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/stat")).ok());
        // After the name in brackets: state, parent.
        stat.and_then(|stat| stat.rsplit_once(')').map(|(_, rest)| rest[2..].starts_with(&own))) == Some(true)
    };
    let mut found = Vec::new();
    let mut above = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(directory) = above.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if is_ours(&entry.file_name().to_string_lossy()) {
                    found.push(entry.path())
                } else {
                    above.push(entry.path())
                }
            }
        }
    }
    found
}

fn nothing_is_left() -> Result<(), Failed> {
    let template = template(strict())?;
    let [group] = <[_; 1]>::try_from(groups()).map_err(|found| format!("one group, not {found:?}"))?;
    let leaves = |group: &Path| -> Result<usize, Failed> {
        let entries = std::fs::read_dir(group)?.flatten();
        Ok(entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("sandbox-")).count())
    };
    for _ in 0..50 {
        // It dies with others in its cgroup.
        let outcome =
            template.run("import os, time\nfor _ in range(3):\n  if os.fork() == 0: time.sleep(60)")?;
        expect(&outcome, outcome.status.success())?;
    }
    let now = leaves(&group)?;
    if now > 16 {
        return Err(format!("{now} leaves after 50 sandboxes").into());
    }
    drop(template);
    if group.exists() { Err(format!("{} is left", group.display()).into()) } else { Ok(()) }
}

fn memory_of_each() -> Result<(), Failed> {
    let policy = Policy::strict().memory(Bytes::mebi(64)).protection(Protection::Cgroup, Rule::Waive);
    let code = "
try: taken = bytearray(128 << 20)
except MemoryError: print('no more')
taken = bytearray(16 << 20)";
    let outcome = template(policy)?.run(code)?;
    let seal = outcome.seal.as_ref();
    expect(&outcome, outcome.stdout == b"no more\n" && outcome.status.success())?;
    expect(&outcome, seal.is_some_and(|seal| seal.missing.contains(&Missing::MemoryLimit)))
}

fn cannot_be_had() -> Result<(), Failed> {
    let limited = Policy::strict().cpus(Cpus::milli(500));
    match template(limited) {
        Ok(template) => {
            let outcome = template.run("1")?;
            let seal = outcome.seal.as_ref();
            expect(&outcome, seal.is_some_and(|seal| !seal.missing.contains(&Missing::CpuLimit)))?;
        }
        Err(error @ BuildError::Cgroup { .. }) if error.remedy().is_some() => {}
        Err(error) => return Err(error.into()),
    }
    // Who waives the means waives the limit, and the seal says so.
    let outcome = template(limited.protection(Protection::Cgroup, Rule::Waive))?.run("1")?;
    let seal = outcome.seal.as_ref();
    expect(&outcome, seal.is_some_and(|seal| seal.missing.contains(&Missing::CpuLimit)))
}
