//! What a program that runs sandboxes tells about them: the numbers for Prometheus, and what it publishes.

#[path = "../common/mod.rs"]
mod common;
mod exposition;
mod publishing;

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use common::run;
use exposition::Exposition;
use libtest_mimic::{Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};
use zeroboot::{Bytes, Policy, Request, Status, StormAction, StormPolicy, Template};

/// Set in the process that the tests run in: its run-time directory is one of its own.
const ROLE: &str = "ZEROBOOT_TEST_HAS_DIRECTORY";

/// Long enough for a machine that does other things as well.
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> Result<ExitCode, Box<dyn Error>> {
    zeroboot::init();
    if std::env::var_os(ROLE).is_some() {
        return Ok(run(vec![
            Trial::test("every_outcome_is_counted", outcomes),
            Trial::test("faults_memory_and_time_are_added_up", costs),
            Trial::test("a_storm_is_counted", storm),
            Trial::test("a_pool_is_counted_while_it_is_there", pool),
            Trial::test("rotations_and_deaths_are_counted", generations),
            Trial::test("living_templates_have_different_names", names),
            Trial::test("the_dashboard_asks_for_what_there_is", dashboard),
            Trial::test("what_there_is_is_published", publishing::published),
            Trial::test("what_the_dead_have_left_is_removed", publishing::stale),
            Trial::test("a_process_that_does_not_answer_is_left_out", publishing::silent),
            Trial::test("a_directory_that_is_open_to_others_is_refused", publishing::open_directory),
        ]));
    }
    let directory = std::env::temp_dir().join(format!("zeroboot-metrics-{}", std::process::id()));
    std::fs::create_dir(&directory)?;
    let status = Command::new(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env("XDG_RUNTIME_DIR", &directory)
        .env(ROLE, "1")
        .status();
    std::fs::remove_dir_all(&directory)?;
    Ok(if status?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn python(name: &str) -> Result<Template, Failed> {
    Ok(Template::python().without_site().name(name).build()?)
}

/// What is told now, if it is well-formed.
fn told() -> Result<Exposition, Failed> {
    Exposition::parse(&zeroboot::prometheus()).map_err(Failed::from)
}

/// Whether this template's sample has that value.
fn expect(name: &str, labels: &[(&str, &str)], wanted: f64) -> Result<(), Failed> {
    let told = told()?;
    match told.value(name, labels) {
        Some(value) if value == wanted => Ok(()),
        value => Err(format!("{name} {labels:?} is {value:?}, not {wanted}").into()),
    }
}

fn outcomes() -> Result<(), Failed> {
    // A name with everything that has to be escaped.
    let name = "a \"b\" \\ c\nd";
    let template = python(name)?;
    let request = |code: &str| Request::code(code).timeout(PATIENCE);
    for (request, status) in [
        (request("1"), Status::Exited(0)),
        (request("2"), Status::Exited(0)),
        (request("import sys; sys.exit(3)"), Status::Exited(3)),
        (request("import os; os.kill(os.getpid(), 15)"), Status::Signaled(15)),
        (request("while True: pass").timeout(Duration::from_millis(300)), Status::Deadline),
        (request("while True: print('x' * 1000)").output_limit(Bytes::kibi(64)), Status::OutputLimit),
    ] {
        let outcome = template.execute(request)?;
        if outcome.status != status {
            return Err(format!("{outcome:?} instead of {status}").into());
        }
    }
    drop(template.spawn()?);
    let waiting = template.spawn()?;
    let label = ("template", name);
    for (outcome, wanted) in [
        ("exited_ok", 2.0),
        ("exited_failed", 1.0),
        ("signaled", 1.0),
        ("deadline", 1.0),
        ("output", 1.0),
        ("memory", 0.0),
        ("storm", 0.0),
        ("cancelled", 1.0),
        ("failed", 0.0),
    ] {
        expect("zeroboot_sandboxes_ended_total", &[label, ("outcome", outcome)], wanted)?;
    }
    expect("zeroboot_sandboxes_started_total", &[label], 8.0)?;
    expect("zeroboot_sandboxes_in_flight", &[label], 1.0)?;
    drop(waiting);
    expect("zeroboot_sandboxes_in_flight", &[label], 0.0)?;
    drop(template);
    match told()?.value("zeroboot_sandboxes_started_total", &[label]) {
        None => Ok(()),
        Some(value) => Err(format!("{value} of a template that is gone").into()),
    }
}

fn costs() -> Result<(), Failed> {
    let template = python("costs")?;
    let label = ("template", "costs");
    let (mut minor, mut cpu, mut copied) = (0, Duration::ZERO, 0);
    for _ in 0..3 {
        let account = template.run("x = bytearray(1 << 20)")?.account;
        minor += account.faults.ok_or("no faults")?.minor;
        cpu += account.cpu.ok_or("no CPU time")?.user;
        copied += account.memory.and_then(|memory| memory.copied_kib).map_or(0, |amount| amount.bytes());
    }
    expect("zeroboot_faults_total", &[label, ("kind", "minor")], minor as f64)?;
    expect("zeroboot_cpu_seconds_total", &[label, ("mode", "user")], cpu.as_secs_f64())?;
    expect("zeroboot_copied_bytes_total", &[label], copied as f64)?;
    expect("zeroboot_spawn_seconds_count", &[label], 3.0)?;
    expect("zeroboot_run_seconds_count", &[label], 3.0)?;
    let told = told()?;
    let value = |name| told.value(name, &[label]).unwrap_or_default();
    let zeroed = value("zeroboot_zeroed_bytes_total");
    let (spawn, run) = (value("zeroboot_spawn_seconds_sum"), value("zeroboot_run_seconds_sum"));
    let memory_is_told = !Uid::effective().is_root() || (copied > 0 && zeroed >= (3 << 20) as f64);
    if minor > 0 && spawn > 0.0 && run > 0.0 && memory_is_told {
        return Ok(());
    }
    Err(format!("minor {minor}, copied {copied}, zeroed {zeroed}, spawn {spawn}, run {run}").into())
}

fn storm() -> Result<(), Failed> {
    let policy = Policy::strict().storm(StormPolicy::of(StormAction::Kill));
    let template = Template::python().without_site().name("stormy").policy(policy).build()?;
    let code = "
import mmap
while True:
    area = mmap.mmap(-1, 1 << 26, mmap.MAP_PRIVATE)
    for at in range(0, 1 << 26, 4096): area[at] = 1
    area.close()
";
    let outcome = template.execute(Request::code(code).timeout(PATIENCE))?;
    if outcome.status != Status::Storm {
        return Err(format!("{outcome:?}").into());
    }
    expect("zeroboot_storms_total", &[("template", "stormy")], 1.0)?;
    expect("zeroboot_sandboxes_ended_total", &[("template", "stormy"), ("outcome", "storm")], 1.0)
}

fn pool() -> Result<(), Failed> {
    let template = python("pooled")?;
    let label = [("template", "pooled"), ("pool", "1")];
    let pool = template.pool(2)?;
    pool.wait_until_full(PATIENCE)?;
    expect("zeroboot_pool_size", &label, 2.0)?;
    expect("zeroboot_pool_parked", &label, 2.0)?;
    // What is parked was not asked for by anybody.
    expect("zeroboot_sandboxes_started_total", &label[..1], 0.0)?;
    drop(pool.claim()?);
    let outcome = pool.run("print('parked')")?;
    if outcome.stdout != b"parked\n" {
        return Err(format!("{outcome:?}").into());
    }
    expect("zeroboot_pool_hits_total", &label, pool.counters().hits as f64)?;
    expect("zeroboot_pool_misses_total", &label, pool.counters().misses as f64)?;
    expect("zeroboot_pool_failures_total", &label, 0.0)?;
    expect("zeroboot_sandboxes_started_total", &label[..1], 2.0)?;
    expect("zeroboot_sandboxes_ended_total", &[label[0], ("outcome", "exited_ok")], 1.0)?;
    expect("zeroboot_sandboxes_ended_total", &[label[0], ("outcome", "cancelled")], 1.0)?;
    let told_before = told()?;
    let value = |name| told_before.value(name, &label).unwrap_or_default();
    if value("zeroboot_pool_refills_total") < 2.0 || value("zeroboot_pool_refill_seconds_total") <= 0.0 {
        return Err("the refills are not counted".into());
    }
    let second = template.pool(1)?;
    expect("zeroboot_pool_size", &[label[0], ("pool", "2")], 1.0)?;
    drop((pool, second));
    match told()?.value("zeroboot_pool_size", &label) {
        None => Ok(()),
        Some(size) => Err(format!("a pool that is gone has the size {size}").into()),
    }
}

fn generations() -> Result<(), Failed> {
    let template = python("built")?;
    let label = [("template", "built")];
    expect("zeroboot_template_generations_total", &label, 1.0)?;
    template.rotate()?;
    expect("zeroboot_template_rotations_total", &label, 1.0)?;
    let process = {
        let _publisher = zeroboot::publish()?;
        let processes = zeroboot::published()?;
        let templates = processes.iter().flat_map(|process| &process.templates);
        templates.filter(|template| template.name == "built").find_map(|template| template.pid)
    };
    kill(Pid::from_raw(i32::try_from(process.ok_or("no process")?)?), Signal::SIGKILL)?;
    // A request that comes before its end is known has an error.
    let deadline = Instant::now() + PATIENCE;
    while template.run("1").is_err() {
        if Instant::now() > deadline {
            return Err("the template is not built again".into());
        }
    }
    expect("zeroboot_template_deaths_total", &label, 1.0)?;
    expect("zeroboot_template_rotations_total", &label, 1.0)?;
    expect("zeroboot_template_generations_total", &label, 3.0)
}

fn names() -> Result<(), Failed> {
    let (first, second) = (python("twin")?, python("twin")?);
    let third = Template::python().without_site().build()?;
    let names = [first.name(), second.name(), third.name()];
    if names != ["twin", "twin-2", "python"] {
        return Err(format!("{names:?}").into());
    }
    told().map(drop)
}

/// Every name in the expressions of the dashboard is one that is told.
fn dashboard() -> Result<(), Failed> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/grafana.json");
    let dashboard: serde_json::Value = serde_json::from_slice(&std::fs::read(path)?)?;
    let mut expressions = Vec::new();
    collect(&dashboard, &mut expressions);
    let template = python("shown")?;
    let pool = template.pool(1)?;
    let told = told()?;
    drop(pool);
    let is_of_a_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = expressions.iter().flat_map(|text| text.split(|letter| !is_of_a_name(letter)));
    let asked: BTreeSet<&str> = words.filter(|word| word.starts_with("zeroboot_")).collect();
    let missing: Vec<_> = asked.iter().filter(|name| !told.has(name)).collect();
    if missing.is_empty() && asked.len() >= 8 {
        return Ok(());
    }
    Err(format!("asked: {asked:?}, missing: {missing:?}").into())
}

fn collect<'a>(value: &'a serde_json::Value, expressions: &mut Vec<&'a str>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("expr" | "query", serde_json::Value::String(text)) => expressions.push(text),
                    _ => collect(value, expressions),
                }
            }
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| collect(value, expressions)),
        _ => {}
    }
}
