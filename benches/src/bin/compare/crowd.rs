//! The figures of many Python sandboxes at once: how many a second, how long a thousand take, what memory they hold.

use std::io::{self, PipeReader, Read};
use std::os::fd::OwnedFd;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use zeroboot::{Input, Output, PoolOptions, Request, Template};
use zeroboot_benches::memory::{available, settled};

use super::figures;
use super::process::{RESULT, await_readable};
use super::samples::{Samples, Unit, quantile};

/// How many are alive at once.
const MANY: usize = 1_000;

/// How many descriptors a host has for each sandbox at most, those of its streams included.
const DESCRIPTORS: u64 = 16;

/// Gives its result, and lives until its standard input ends.
const ANSWER_AND_LIVE: &str = "print(1+1, flush=True)\nimport sys\nsys.stdin.read()";

/// How long a thousand may take to park, and each of them may live: never near.
const PATIENCE: Duration = Duration::from_secs(120);

/// Which share of what the sandboxes took may be missing, or too much, when they are gone.
const UNEXPLAINED: f64 = 0.25;

/// So many callers, and how many sandboxes a second they have run.
#[derive(Debug)]
pub(crate) struct Callers {
    pub(crate) callers: usize,
    pub(crate) samples: Samples,
}

impl Callers {
    pub(crate) fn median(&self) -> f64 {
        quantile(&self.samples.values, 0.5).unwrap_or_default()
    }
}

/// What is known of a thousand that have lived at once.
#[derive(Debug)]
pub(crate) struct Lived {
    /// From the first request to the last result.
    pub(crate) took: Duration,
    /// The memory of each, while they lived; or why that is not known.
    pub(crate) kib: anyhow::Result<f64>,
}

/// Lets each number of callers run sandboxes for a time, one number after the other, and all of it so many times.
pub(crate) fn throughput(
    template: &Template,
    numbers: &[usize],
    time: Duration,
    times: usize,
) -> anyhow::Result<Vec<Callers>> {
    let of = |callers: &usize| Callers { callers: *callers, samples: Samples::new("throughput", Unit::PerS) };
    let mut all: Vec<Callers> = numbers.iter().map(of).collect();
    for _ in 0..times {
        for Callers { callers, samples } in &mut all {
            samples.values.push(per_second(template, *callers, time)?);
        }
    }
    Ok(all)
}

/// Those with the highest median.
pub(crate) fn best(all: &[Callers]) -> Option<&Callers> {
    all.iter().max_by(|one, other| one.median().total_cmp(&other.median()))
}

/// Sandboxes that are run to their end, measured and buried, a second.
fn per_second(template: &Template, callers: usize, time: Duration) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let call = || -> anyhow::Result<u32> {
        let mut done = 0;
        while begun.elapsed() < time {
            figures::sandbox(template)?;
            done += 1;
        }
        Ok(done)
    };
    let done: anyhow::Result<Vec<u32>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..callers).map(|_| scope.spawn(call)).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a caller panicked"))?).collect()
    });
    Ok(f64::from(done?.iter().sum::<u32>()) / begun.elapsed().as_secs_f64())
}

/// Makes a thousand sandboxes, so many at a time, and lets each of them live until the last has given its result.
pub(crate) fn thousand(template: &Template, at_once: usize) -> anyhow::Result<Lived> {
    allow_descriptors()?;
    let before = settled()?;
    let (mut results, answers) = io::pipe()?;
    let (life, held) = io::pipe()?;
    let mut ahead = Vec::with_capacity(MANY);
    let mut threads: Vec<JoinHandle<anyhow::Result<()>>> = Vec::with_capacity(MANY);
    for _ in 0..MANY {
        let request = Request::code(ANSWER_AND_LIVE)
            .stdin(Input::From(OwnedFd::from(life.try_clone()?)))
            .stdout(Output::To(OwnedFd::from(answers.try_clone()?)))
            .timeout(PATIENCE);
        ahead.push((template.clone(), request));
    }

    let begun = Instant::now();
    let mut given = 0;
    for (template, request) in ahead {
        while threads.len() >= given + at_once {
            given += read_results(&mut results)?;
        }
        threads.push(thread::spawn(move || {
            let outcome = template.execute(request)?;
            ensure!(outcome.status.success(), "{}: {}", outcome.status, outcome.stderr_lossy());
            Ok(())
        }));
    }
    while given < MANY {
        given += read_results(&mut results)?;
    }
    let took = begun.elapsed();
    let during = available()?;

    // Whoever lived until now ends now, and successfully; who had ended before has failed, or timed out.
    drop(held);
    for thread in threads {
        thread.join().map_err(|_| anyhow!("a caller panicked"))??;
    }
    Ok(Lived { took, kib: each(before, during, settled()?) })
}

/// The memory of each of a thousand parked sandboxes that have run nothing.
pub(crate) fn parked_kib(template: &Template) -> anyhow::Result<f64> {
    allow_descriptors()?;
    let before = settled()?;
    let pool = template.pool_with(PoolOptions::new(MANY).nothing_ahead())?;
    pool.wait_until_full(PATIENCE)?;
    let during = available()?;
    drop(pool);
    each(before, during, settled()?)
}

/// How many results have come; waits for one.
fn read_results(results: &mut PipeReader) -> anyhow::Result<usize> {
    await_readable(results)?;
    let mut piece = [0; 4096];
    let length = results.read(&mut piece).context("cannot read results")?;
    let read = &piece[..length];
    ensure!(length > 0, "the results have ended");
    // A result may come in parts: its last byte counts.
    ensure!(
        read.iter().all(|byte| RESULT.contains(byte)),
        "a sandbox gave {:?}",
        String::from_utf8_lossy(read)
    );
    Ok(read.iter().filter(|byte| **byte == b'\n').count())
}

/// What each of them took: what was available before, while they lived and when they were gone, in KiB. What others took or
/// gave back meanwhile nobody can tell from that, but that they did.
#[expect(clippy::cast_precision_loss, reason = "parts of a machine's memory")]
fn each(before: u64, during: u64, after: u64) -> anyhow::Result<f64> {
    let taken = before.saturating_sub(during) as f64;
    let unexplained = before.abs_diff(after);
    ensure!(
        (unexplained as f64) < taken * UNEXPLAINED,
        "other programs took or gave back memory meanwhile: {unexplained} KiB are not explained"
    );
    Ok(taken / MANY as f64)
}

fn allow_descriptors() -> anyhow::Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let needed = MANY as u64 * DESCRIPTORS;
    ensure!(hard >= needed, "{needed} open files are needed, {hard} are allowed (ulimit -Hn)");
    if soft < needed {
        setrlimit(Resource::RLIMIT_NOFILE, needed, hard)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_number_of_callers_has_the_highest_median() {
        let callers = |callers, values: &[f64]| Callers {
            callers,
            samples: Samples { values: values.to_vec(), ..Samples::new("throughput", Unit::PerS) },
        };
        let all = [callers(1, &[5.0, 5.0, 90.0]), callers(2, &[8.0, 9.0, 7.0]), callers(4, &[6.0, 7.0, 6.0])];
        assert_eq!(best(&all).map(|best| best.callers), Some(2));
        assert!(best(&[]).is_none());
    }

    #[test]
    fn memory_that_others_moved_is_no_figure() {
        assert_eq!(each(1_000_000, 800_000, 990_000).ok(), Some(200.0));
        assert!(each(1_000_000, 800_000, 940_000).is_err());
        assert!(each(1_000_000, 800_000, 1_060_000).is_err());
        assert!(each(1_000_000, 1_100_000, 1_000_000).is_err());
    }
}
