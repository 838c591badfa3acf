//! The figures that are measured in rounds: one sample of each, one after the other.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use zeroboot::{MemoryAccount, Pool, Request, Template};
use zeroboot_benches::{Floor, Memory, Remedy, Storm};
use zeroboot_fork::monotonic_ns;

use super::large::{self, Large};
use super::process::{self, JOB, RESULT, Took};
use super::samples::{Samples, Unit};

/// How often the figures that take many milliseconds are measured: once in so many rounds, at their end, so that what
/// they leave behind in caches disturbs few of the others.
const SLOW: u64 = 16;

/// How many sandboxes are kept parked: one is claimed in each round, and all are there again before it goes on.
const PARKED: usize = 4;

/// How long parking may take, which is never near.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is measured, and what it is measured with.
pub(crate) struct Bench {
    small: Floor,
    frozen_10m: Floor,
    frozen_1g: Floor,
    plain_1g: Floor,
    function: Template,
    storms: Storms,
    python: Template,
    parked: Pool,
    python_site: Template,
    large: Vec<Large>,
    samples: Vec<Samples>,
    rounds: u64,
}

impl Bench {
    pub(crate) fn prepare() -> anyhow::Result<Self> {
        let python = Template::python().without_site().build()?;
        Ok(Self {
            small: Floor::start().context("cannot start the process that measures the floor")?,
            frozen_10m: larger(10, Memory::Frozen)?,
            frozen_1g: larger(1024, Memory::Frozen)?,
            plain_1g: larger(1024, Memory::Plain)?,
            function: Template::function("now").build()?,
            storms: Storms::prepare()?,
            parked: python.pool(PARKED)?,
            python,
            python_site: Template::python().build()?,
            large: large::prepare()?,
            samples: Vec::new(),
            rounds: 0,
        })
    }

    /// The template of the figures without site.
    pub(crate) fn python(&self) -> &Template {
        &self.python
    }

    pub(crate) fn into_samples(self) -> Vec<Samples> {
        self.samples
    }

    /// Drops the samples so far.
    pub(crate) fn forget(&mut self) {
        self.samples.clear();
        self.rounds = 0;
    }

    fn took(&mut self, name: &str, time: Duration) {
        self.samples(name, Unit::Us).took(time);
    }

    fn samples(&mut self, name: &str, unit: Unit) -> &mut Samples {
        let known = self.samples.iter().position(|samples| samples.name == name);
        let at = known.unwrap_or_else(|| {
            self.samples.push(Samples::new(name, unit));
            self.samples.len() - 1
        });
        &mut self.samples[at]
    }

    /// One sample of each figure, one after the other; of the slow ones now and then.
    pub(crate) fn round(&mut self) -> anyhow::Result<()> {
        let time = self.small.measure().context("the floor")?;
        self.took("floor", time);
        let time = self.frozen_10m.measure().context("the frozen process with 10 MiB")?;
        self.took("fork_10m", time);
        let time = self.frozen_1g.measure().context("the frozen process with 1 GiB")?;
        self.took("fork_1g", time);

        // In turns, so that neither always follows the other.
        let mut accounts = [("spawn", MemoryAccount::Sums), ("spawn_unmeasured", MemoryAccount::Nothing)];
        if self.rounds.is_multiple_of(2) {
            accounts.reverse();
        }
        for (name, account) in accounts {
            let Told { time, total, .. } = told(&self.function, account)?;
            self.took(name, time);
            self.took(&format!("{name}_total"), total);
        }

        self.parked.wait_until_full(PATIENCE)?;
        let time = claimed(&self.parked)?;
        self.took("claim_python", time);
        // What is parked in its place takes no time from the figures that follow.
        self.parked.wait_until_full(PATIENCE)?;

        let interpreter = self.python.interpreter().context("a Python template")?.executable().to_owned();
        let Took { result, total } = sandbox(&self.python)?;
        self.took("spawn_python", result);
        self.took("spawn_python_total", total);
        let Took { result, total } = command(&interpreter, &["-I", "-S", "-c", JOB])?;
        self.took("cold_python_result", result);
        self.took("cold_python", total);

        if self.rounds.is_multiple_of(SLOW) {
            let Took { result, total } = sandbox(&self.python_site)?;
            self.took("spawn_python_site", result);
            self.took("spawn_python_site_total", total);
            let Took { result, total } = command(&interpreter, &["-I", "-c", JOB])?;
            self.took("cold_python_site_result", result);
            self.took("cold_python_site", total);
            let large: Vec<_> =
                self.large.iter().map(|it| Ok((it.name, it.measure()?))).collect::<anyhow::Result<_>>()?;
            for (name, (time, copied)) in large {
                self.took(name, time);
                self.samples(&format!("{name}_kib"), Unit::Kib).values.extend(copied);
            }
            let time = self.plain_1g.measure().context("the plain process with 1 GiB")?;
            self.took("fork_1g_plain", time);
            for (name, time, faults) in self.storms.measure()? {
                self.took(name, time);
                let faults = u32::try_from(faults).context("more faults than anybody counts")?;
                self.samples(&format!("{name}_faults"), Unit::Faults).values.push(faults.into());
            }
        }
        self.rounds += 1;
        Ok(())
    }
}

/// Much that is written at once.
struct Storms {
    plain: Storm,
    undeclared: Template,
    declared: Template,
    heap_plain: Template,
    heap: Template,
}

impl Storms {
    fn prepare() -> anyhow::Result<Self> {
        let declared = Template::function("rewrite_declared").build()?;
        ensure!(declared.write_heavy().is_some(), "the declared memory was not made ready to be copied");
        let heap = Template::function("allocate").huge_heap().build()?;
        ensure!(heap.huge_heap().is_some(), "no heap was set apart for huge pages");
        Ok(Self {
            plain: Storm::start(Remedy::Plain, 100)
                .context("cannot start the process that measures plain storms")?,
            undeclared: Template::function("rewrite").build()?,
            declared,
            heap_plain: Template::function("allocate").build()?,
            heap,
        })
    }

    /// One of each: its name, how long it took, its page faults.
    fn measure(&mut self) -> anyhow::Result<[(&'static str, Duration, u64); 5]> {
        let (time, faults) = self.plain.measure().context("the plain storm")?;
        let sandbox = |name, template| {
            told(template, MemoryAccount::Sums).map(|Told { time, faults, .. }| (name, time, faults))
        };
        Ok([
            ("storm_plain", time, faults),
            sandbox("storm_undeclared", &self.undeclared)?,
            sandbox("storm", &self.declared)?,
            sandbox("heap_plain", &self.heap_plain)?,
            sandbox("heap", &self.heap)?,
        ])
    }
}

/// A sandbox that says itself until when it is to be measured.
struct Told {
    /// From the request until then.
    time: Duration,
    /// Until all of it was gone.
    total: Duration,
    faults: u64,
}

fn told(template: &Template, account: MemoryAccount) -> anyhow::Result<Told> {
    let request = Request::script("call", "null").memory_account(account);
    let before = monotonic_ns();
    let outcome = template.execute(request)?;
    let total = monotonic_ns().saturating_sub(before);
    let until: u64 = serde_json::from_slice(&outcome.answer).context("the answer of a function")?;
    let faults = outcome.account.faults.context("the faults of a sandbox")?;
    let time = Duration::from_nanos(until.saturating_sub(before));
    Ok(Told { time, total: Duration::from_nanos(total), faults: faults.minor + faults.major })
}

fn larger(mebibytes: u32, memory: Memory) -> anyhow::Result<Floor> {
    let mut process = Floor::with_memory(mebibytes, memory).context("cannot start a larger process")?;
    // It answers when all of its memory is written, and frozen.
    process.measure().with_context(|| format!("the process with {mebibytes} MiB, {memory:?}"))?;
    Ok(process)
}

/// The job in a sandbox: how long until the host had the result, and until all of it was gone.
pub(crate) fn sandbox(template: &Template) -> anyhow::Result<Took> {
    let before = Instant::now();
    let outcome = template.run(JOB)?;
    let total = before.elapsed();
    ensure!(outcome.stdout == RESULT, "the sandbox gave {:?}", outcome.stdout_lossy());
    // The result is two bytes: they came at once.
    let result = outcome.account.times.first_output.context("the time of the first output")?;
    Ok(Took { result, total })
}

/// The job in a parked sandbox: how long from the claim until the host had the result.
fn claimed(pool: &Pool) -> anyhow::Result<Duration> {
    let outcome = pool.claim()?.run(Request::code(JOB))?;
    ensure!(outcome.stdout == RESULT, "the parked sandbox gave {:?}", outcome.stdout_lossy());
    outcome.account.times.first_output.context("the time of the first output")
}

/// The job as a command.
fn command(interpreter: &Path, arguments: &[&str]) -> anyhow::Result<Took> {
    process::run(Command::new(interpreter).args(arguments)).context("the cold interpreter")
}
