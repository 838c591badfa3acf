//! What it costs to look out for storms, and how soon one is seen:
//! `cargo run --release -p zeroboot --example storm_cost [IDLE] [ROUNDS]`.
//!
//! So many sandboxes wait for their standard input, and meanwhile the CPU time of this process is measured, which is what
//! the looking costs: rounds with and without it take turns. The machine must not be busy, since others' faults have
//! each sandbox looked at; a second measurement has one busy sandbox that makes such faults on purpose.

#![allow(clippy::print_stdout, reason = "an example that prints its findings")]

use std::error::Error;
use std::io::{PipeWriter, Read, pipe};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use zeroboot::{Input, Outcome, Output, Policy, Request, RunError, StormAction, StormPolicy, Template};

/// How long each measurement takes.
const SPAN: Duration = Duration::from_secs(2);

/// Takes fresh memory and gives it back, slowly enough to be no storm: about 40,000 faults a second.
const BUSY: &str = "
import mmap, time
next = time.monotonic()
while True:
    area = mmap.mmap(-1, 1 << 22, mmap.MAP_PRIVATE)
    for at in range(0, 1 << 22, 4096): area[at] = 1
    area.close()
    next += 0.0256
    time.sleep(max(0, next - time.monotonic()))
";

const STORM: &str = "
area = bytearray(100_000_000)
for at in range(0, 100_000_000, 4096): area[at] = 1
";

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse());
    let idle = numbers.next().transpose()?.unwrap_or(1000);
    let rounds = numbers.next().transpose()?.unwrap_or(5);

    let build = |action| {
        let policy = Policy::strict().storm(StormPolicy::of(action));
        Template::python().without_site().policy(policy).parked_shells(4).build()
    };
    let watched = build(StormAction::Report)?;
    let unwatched = build(StormAction::Off)?;

    for busy in [0, 1] {
        let mut shares = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for (template, shares) in [&watched, &unwatched].into_iter().zip(&mut shares) {
                shares.push(measure(template, idle, busy)?);
            }
        }
        let [with, without] = shares.map(median);
        println!(
            "{idle} idle and {busy} busy: {:.2} % of a processor with, {:.2} % without",
            with * 100.0,
            without * 100.0
        );
    }

    let mut delays = Vec::new();
    let mut missed = 0;
    for _ in 0..20 * rounds {
        let outcome = watched.execute(Request::code(STORM))?;
        match outcome.account.storms.unwrap_or_default().first() {
            Some(storm) => delays.push((storm.seen - storm.began).as_secs_f64()),
            None => missed += 1,
        }
    }
    let longest = delays.iter().copied().fold(0.0, f64::max);
    println!(
        "a storm of 100 MB: seen after {:.0} ms, {:.0} ms at most, {missed} of {} not seen",
        median(delays) * 1e3,
        longest * 1e3,
        20 * rounds
    );
    Ok(())
}

/// A run, and what ends its sandbox when it is dropped.
struct Waiting {
    run: JoinHandle<Result<Outcome, RunError>>,
    input: PipeWriter,
}

/// The part of a processor that this process takes while its sandboxes wait.
fn measure(template: &Template, idle: usize, busy: usize) -> Result<f64, Box<dyn Error>> {
    let waiting: Vec<_> = (0..idle)
        .map(|_| wait(template, "import sys\nprint(1, flush=True)\nsys.stdin.read()"))
        .collect::<Result<_, _>>()?;
    let (cancel, end) = pipe()?;
    let requests = (0..busy).map(|_| Ok(Request::code(BUSY).cancelled_by(cancel.try_clone()?)));
    let busy: Vec<_> = requests
        .map(|request: std::io::Result<_>| {
            let (template, request) = (template.clone(), request?);
            Ok::<_, std::io::Error>(thread::spawn(move || template.execute(request)))
        })
        .collect::<Result<_, _>>()?;
    // Whatever the starting has left to do.
    thread::sleep(SPAN / 4);

    let (begun, before) = (Instant::now(), cpu_time()?);
    thread::sleep(SPAN);
    let share = (cpu_time()? - before).as_secs_f64() / begun.elapsed().as_secs_f64();

    drop(end);
    for run in busy {
        if let Ok(Ok(outcome)) = run.join() {
            return Err(format!("the busy one has ended: {outcome:?}").into());
        }
    }
    for Waiting { run, input } in waiting {
        drop(input);
        let outcome = run.join().map_err(|_| "a run has panicked")??;
        if outcome.account.storms.is_some_and(|storms| !storms.is_empty()) {
            return Err("an idle sandbox has had a storm".into());
        }
    }
    Ok(share)
}

/// Has a sandbox of its own wait for its standard input, and waits until it does.
fn wait(template: &Template, code: &str) -> Result<Waiting, Box<dyn Error>> {
    let (reader, input) = pipe()?;
    let (mut said, output) = pipe()?;
    let request = Request::code(code).stdin(Input::From(reader.into())).stdout(Output::To(output.into()));
    let (template, request) = (template.clone(), request.timeout(Duration::from_secs(600)));
    let run = thread::Builder::new().stack_size(256 << 10).spawn(move || template.execute(request))?;
    said.read_exact(&mut [0])?;
    Ok(Waiting { run, input })
}

fn cpu_time() -> Result<Duration, Box<dyn Error>> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let (user, system) = (usage.user_time(), usage.system_time());
    let micros = (user.tv_sec() + system.tv_sec()) * 1_000_000 + user.tv_usec() + system.tv_usec();
    Ok(Duration::from_micros(u64::try_from(micros)?))
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
