//! The figures that are measured in rounds: one sample of each, one after the other.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use zeroboot::{Pool, Request, Template};
use zeroboot_benches::{Floor, Memory};
use zeroboot_fork::monotonic_ns;

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
    python: Template,
    parked: Pool,
    python_site: Template,
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
            parked: python.pool(PARKED)?,
            python,
            python_site: Template::python().build()?,
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
        let known = self.samples.iter().position(|samples| samples.name == name);
        let at = known.unwrap_or_else(|| {
            self.samples.push(Samples::new(name, Unit::Us));
            self.samples.len() - 1
        });
        self.samples[at].took(time);
    }

    /// One sample of each figure, one after the other; of the slow ones now and then.
    pub(crate) fn round(&mut self) -> anyhow::Result<()> {
        let time = self.small.measure().context("the floor")?;
        self.took("floor", time);
        let time = self.frozen_10m.measure().context("the frozen process with 10 MiB")?;
        self.took("fork_10m", time);
        let time = self.frozen_1g.measure().context("the frozen process with 1 GiB")?;
        self.took("fork_1g", time);

        let before = monotonic_ns();
        let first_instruction: u64 = self.function.call(&())?;
        self.took("spawn", Duration::from_nanos(first_instruction.saturating_sub(before)));

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
            let time = self.plain_1g.measure().context("the plain process with 1 GiB")?;
            self.took("fork_1g_plain", time);
        }
        self.rounds += 1;
        Ok(())
    }
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
