//! Storms: bursts of page faults, noticed from outside; what is done about them, and what is none.

mod common;

use std::fs::read_to_string;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use common::{examples, run, skip, virtualenv};
use libtest_mimic::{Failed, Trial};
use nix::unistd::Uid;
use zeroboot::{
    BuildError, Input, Missing, Outcome, Output, Policy, PoolOptions, Protection, Request, Rule, Status,
    Storm, StormAction, StormKind, StormPolicy, Template,
};

fn main() -> ExitCode {
    run(vec![
        Trial::test("fresh_memory_is_a_storm", fresh_memory),
        Trial::test("rewritten_memory_of_the_template_is_a_storm", rewritten_memory),
        Trial::test("no_other_example_is_one", no_other_example),
        Trial::test("no_lazy_import_is_one", no_lazy_import),
        Trial::test("an_import_of_numpy_and_pandas_is_none", no_scientific_import),
        Trial::test("kill_ends_it", kill),
        Trial::test("each_storm_is_told_once", one_after_another),
        Trial::test("a_liar_changes_nothing", liar),
        Trial::test("nobody_looks_when_it_is_off", off),
        Trial::test("a_parked_sandbox_is_looked_at_after_its_claim", parked),
        Trial::test("throttle_lasts_as_long_as_the_storm", throttle),
        Trial::test("a_throttle_that_is_waived_is_missing_in_the_seal", waived_throttle),
        Trial::test("storms_of_children_count_where_there_is_a_cgroup", children),
    ])
}

/// The policy strict, but that the faults of a storm may take longer: an emulated machine is slow.
fn sensitive(action: StormAction) -> Policy {
    let storm = StormPolicy::of(action);
    Policy::strict().storm(storm.begins_at(storm.begin_faults, Duration::from_secs(3)))
}

/// Takes fresh memory, whatever the kernel would rather give in huge pages.
const TAKE: &str = "
import mmap
def take():
    area = mmap.mmap(-1, 100_000_000, mmap.MAP_PRIVATE)
    area.madvise(mmap.MADV_NOHUGEPAGE)
    for at in range(0, 100_000_000, 4096): area[at] = 1
    return area
";

/// A script that can take memory.
fn taking(code: &str) -> String {
    format!("{TAKE}{code}")
}

fn template(action: StormAction) -> Result<Template, BuildError> {
    Template::python().policy(sensitive(action)).build()
}

fn expect(outcome: &Outcome, holds: bool) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(format!("{outcome:?}").into()) }
}

fn storms(outcome: &Outcome) -> &[Storm] {
    outcome.account.storms.as_deref().unwrap_or_default()
}

/// Looked at, and calm.
fn is_calm(outcome: &Outcome) -> bool {
    outcome.account.storms.as_ref().is_some_and(Vec::is_empty)
}

/// As an ordinary user, a host sees no pages.
fn is_of(storm: &Storm, kind: StormKind) -> bool {
    if Uid::effective().is_root() { storm.kind == Some(kind) } else { storm.kind.is_none() }
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)
}

fn execute(template: &Template, script: &Path) -> Result<Outcome, Failed> {
    Ok(template.execute(Request::script(script, std::fs::read(script)?))?)
}

/// The faults of all its storms: a sandbox that has to wait for a processor may have several instead of one.
fn stormy(outcome: &Outcome) -> u64 {
    storms(outcome).iter().map(|storm| storm.faults).sum()
}

/// Storms of nearly 100 MB, of this kind, and nothing done about them.
fn expect_storms(outcome: &Outcome, wanted: StormKind) -> Result<(), Failed> {
    let all = outcome.account.faults.map(|faults| faults.minor + faults.major);
    // A cgroup counts the few faults of the shell as well.
    let counted = stormy(outcome) > 5_000 && all.is_some_and(|all| stormy(outcome) <= all + 500);
    let is_true = |storm: &Storm| {
        let times = storm.began <= storm.seen && storm.began + storm.duration <= outcome.account.times.total;
        times && storm.peak.0 > 0 && storm.action == StormAction::Report && is_of(storm, wanted)
    };
    let told = outcome.account.to_string().contains("a storm of ");
    let fine = counted && storms(outcome).iter().all(is_true) && told && outcome.status.success();
    expect(outcome, fine)
}

fn fresh_memory() -> Result<(), Failed> {
    let template = template(StormAction::Report)?;
    expect_storms(&template.run(&taking("area = take()"))?, StormKind::Zeroes)?;
    let outcome = execute(&template, &example("agents/allocate.py"))?;
    if outcome.account.faults.is_some_and(|faults| faults.minor < 10_000) {
        return skip("this kernel gives fresh memory in huge pages without being asked");
    }
    expect_storms(&outcome, StormKind::Zeroes)
}

fn rewritten_memory() -> Result<(), Failed> {
    let policy = sensitive(StormAction::Report);
    let template = Template::python().policy(policy).warm_file(example("storms/memory.py")).build()?;
    expect_storms(&execute(&template, &example("storms/rewrite.py"))?, StormKind::Copies)?;
    let outcome = template.run("from warm import area\nprint(sum(area[::4096]))")?;
    expect(&outcome, is_calm(&outcome) && outcome.status.success())
}

fn no_other_example() -> Result<(), Failed> {
    let template = Template::python().build()?;
    for script in examples().iter().filter(|script| !script.ends_with("allocate.py")) {
        let outcome = execute(&template, script)?;
        expect(&outcome, is_calm(&outcome) && outcome.status.success())?;
    }
    Ok(())
}

const IMPORTS: &str = "import asyncio, concurrent.futures, ctypes, decimal, email.mime.text, http.client, http.server, json, \
    logging.config, multiprocessing, sqlite3, ssl, tkinter.constants, unittest, urllib.request, xml.dom.minidom, zipfile";

fn no_lazy_import() -> Result<(), Failed> {
    let template = Template::python().build()?;
    // What an interpreter was built without is left out.
    let code: String =
        IMPORTS.trim_start_matches("import ").split(", ").fold(String::new(), |code, module| {
            format!("{code}try: import {module}\nexcept ImportError: pass\n")
        });
    let outcome = template.run(&format!("{code}asyncio.run(asyncio.sleep(0))"))?;
    expect(&outcome, is_calm(&outcome) && outcome.status.success())
}

fn no_scientific_import() -> Result<(), Failed> {
    let python = match virtualenv() {
        Ok(python) => python,
        Err(reason) => return skip(reason),
    };
    let template = Template::python().interpreter(python).build()?;
    for code in ["import numpy", "import pandas"] {
        let outcome = template.run(code)?;
        expect(&outcome, is_calm(&outcome) && outcome.status.success())?;
    }
    Ok(())
}

fn kill() -> Result<(), Failed> {
    let template = template(StormAction::Kill)?;
    let outcome = template.run(&taking("print('here', flush=True)\nwhile True: take().close()"))?;
    let [storm] = storms(&outcome) else { return expect(&outcome, false) };
    let killed = outcome.status == Status::Storm && storm.action == StormAction::Kill;
    expect(&outcome, killed && outcome.stdout == b"here\n" && storm.kind.is_none())?;
    let next = template.run("print(1)")?;
    expect(&next, next.stdout == b"1\n" && is_calm(&next))
}

/// Two, and between them more than the time that a calm needs.
fn one_after_another() -> Result<(), Failed> {
    let code = "
import time
for _ in range(2):
    take().close()
    calm = time.monotonic() + 0.5
    while time.monotonic() < calm: pass
";
    let outcome = template(StormAction::Report)?.run(&taking(code))?;
    let in_turn = storms(&outcome).windows(2).all(|pair| pair[0].began + pair[0].duration <= pair[1].began);
    expect(&outcome, storms(&outcome).len() >= 2 && in_turn && outcome.status.success())
}

/// It says whatever its channel takes, calls itself what a figure would look like, and closes what it has.
fn liar() -> Result<(), Failed> {
    let lies = "
import ctypes, os
ctypes.CDLL(None).prctl(15, b') R 1 1 1 1 1 0')
for byte in range(256):
    try: os.write(3, bytes([byte]))
    except OSError: break
os.closerange(3, 256)
";
    let template = template(StormAction::Report)?;
    let outcome = template.run(&format!("{}area = take()\nprint('all')\n", taking(lies)))?;
    expect(&outcome, outcome.stdout == b"all\n" && stormy(&outcome) > 5_000)?;
    let outcome = template.run(lies)?;
    expect(&outcome, is_calm(&outcome))
}

fn off() -> Result<(), Failed> {
    let outcome = template(StormAction::Off)?.run(&taking("area = take()"))?;
    expect(&outcome, outcome.account.storms.is_none() && outcome.status.success())
}

fn parked() -> Result<(), Failed> {
    let storm = taking("area = take()");
    let pool = template(StormAction::Report)?.pool_with(PoolOptions::new(1).ahead(storm.as_str()))?;
    // Longer than what nobody looks at.
    let calm = "import time\nend = time.monotonic() + 0.1\nwhile time.monotonic() < end: pass\n";
    let outcome = pool.claim()?.run(Request::code(calm))?;
    expect(&outcome, is_calm(&outcome) && outcome.status.success())?;
    let outcome = pool.claim()?.run(Request::code(storm))?;
    expect(&outcome, stormy(&outcome) > 5_000 && outcome.status.success())
}

/// The template, or why there is none that can throttle.
fn throttling() -> Result<Result<Template, String>, Failed> {
    match template(StormAction::Throttle) {
        Ok(template) => Ok(Ok(template)),
        Err(error @ BuildError::Cgroup { .. }) if error.remedy().is_some() => Ok(Err(error.cause())),
        Err(error) => Err(error.into()),
    }
}

/// How long the host may take to see a calm.
const PATIENCE: Duration = Duration::from_secs(60);

fn throttle() -> Result<(), Failed> {
    let template = match throttling()? {
        Ok(template) => template,
        Err(cause) => return skip(&cause),
    };
    let code = "
import sys
for _ in range(3): take().close()
print('calm', flush=True)
sys.stdin.read()
";
    let (input, writer) = std::io::pipe()?;
    let (told, output) = std::io::pipe()?;
    let sandbox = template.spawn()?;
    let bounds = sandbox.seal().and_then(|seal| seal.cgroup.as_ref()).ok_or("no cgroup")?;
    let limit = cgroup(&bounds.leaf).ok_or("no such cgroup")?.join("cpu.max");
    let request = Request::code(taking(code))
        .stdin(Input::From(input.into()))
        .stdout(Output::To(output.into()))
        .timeout(PATIENCE);
    let outcome = std::thread::scope(|scope| {
        let run = scope.spawn(|| sandbox.run(request));
        let mut line = String::new();
        BufReader::new(told).read_line(&mut line)?;
        let begun = Instant::now();
        while !read_to_string(&limit)?.starts_with("max ") {
            if begun.elapsed() > PATIENCE {
                return Err(Failed::from("it stays throttled"));
            }
            std::thread::yield_now();
        }
        drop(writer);
        Ok(run.join().map_err(|_| "the run panicked")??)
    })?;
    let waited = outcome.account.cgroup.throttled.is_some_and(|time| !time.is_zero());
    let throttled = storms(&outcome).iter().any(|storm| storm.action == StormAction::Throttle);
    expect(&outcome, waited && throttled && outcome.status.success())
}

/// The directory of a cgroup, by the last two parts of its path.
fn cgroup(name: &str) -> Option<PathBuf> {
    let mut above = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(directory) = above.pop() {
        let place = directory.join(name);
        if place.is_dir() {
            return Some(place);
        }
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        above.extend(
            entries
                .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                .map(|entry| entry.path()),
        );
    }
    None
}

fn waived_throttle() -> Result<(), Failed> {
    let policy = sensitive(StormAction::Throttle).protection(Protection::Cgroup, Rule::Waive);
    let outcome = Template::python().policy(policy).build()?.run(&taking("area = take()"))?;
    let seal = outcome.seal.as_ref();
    expect(&outcome, seal.is_some_and(|seal| seal.missing.contains(&Missing::StormThrottle)))?;
    expect_storms(&outcome, StormKind::Zeroes)
}

fn children() -> Result<(), Failed> {
    let code = "
import os
child = os.fork()
if child: os.waitpid(child, 0)
else: take()
";
    let outcome = template(StormAction::Report)?.run(&taking(code))?;
    let bounds = outcome.seal.as_ref().and_then(|seal| seal.cgroup.as_ref());
    if bounds.is_none() {
        expect(&outcome, is_calm(&outcome))?;
        return skip("no cgroup that counts the faults of all processes");
    }
    expect(&outcome, stormy(&outcome) > 5_000 && outcome.status.success())
}
