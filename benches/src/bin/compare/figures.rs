//! The figures, and one round of all of them.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use zeroboot::{Pool, Request, Template};
use zeroboot_benches::{Floor, Memory};
use zeroboot_fork::monotonic_ns;

/// The job of every Python.
const JOB: &str = "print(1+1)";
const RESULT: &[u8] = b"2\n";

/// Every figure, in the order in which it is told.
const FIGURES: [(&str, &str); 14] = [
    ("floor", "bare clone3 in a small process, to first instruction"),
    ("fork_10m", "the same with 10 MiB written, frozen"),
    ("fork_1g", "... with 1 GiB, frozen"),
    ("fork_1g_plain", "... with 1 GiB, not frozen"),
    ("spawn", "Rust template, strict: request to first user instruction"),
    ("claim_python", "parked Python sandbox without site, strict: claim to the result"),
    ("spawn_python", "Python template without site, strict: request to the result"),
    ("spawn_python_total", "... until all of it is gone, and measured"),
    ("cold_python", "the same interpreter as a command, -I -S -c"),
    ("cold_python_result", "... to its result alone"),
    ("spawn_python_site", "Python template with site, strict: request to the result"),
    ("spawn_python_site_total", "... until all of it is gone, and measured"),
    ("cold_python_site", "the same interpreter as a command, -I -c"),
    ("cold_python_site_result", "... to its result alone"),
];

/// How often the figures that take many milliseconds are measured: once in so many rounds, at their end, so that what
/// they leave behind in caches disturbs few of the others.
const SLOW: u64 = 16;

/// The samples of one figure, in the order in which they were taken.
#[derive(Debug)]
pub(crate) struct Samples {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) times: Vec<Duration>,
}

impl Samples {
    /// The sample that a share of all does not exceed.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        quantile(&self.times, share)
    }
}

/// The sample that a share of all does not exceed; zero when there is none.
pub(crate) fn quantile(times: &[Duration], share: f64) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index into a few thousand samples"
    )]
    let index = (sorted.len() as f64 * share) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

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
            samples: FIGURES.map(|(name, what)| Samples { name, what, times: Vec::new() }).into(),
            rounds: 0,
        })
    }

    pub(crate) fn interpreter(&self) -> String {
        self.python.interpreter().map_or_else(String::new, |interpreter| {
            let (major, minor) = interpreter.version();
            format!("{major}.{minor}")
        })
    }

    pub(crate) fn all(&self) -> &[Samples] {
        &self.samples
    }

    /// Those of one figure; there are none of a name that is not in the table.
    pub(crate) fn of(&self, name: &str) -> anyhow::Result<&Samples> {
        self.samples.iter().find(|samples| samples.name == name).with_context(|| format!("no figure {name}"))
    }

    /// Drops the samples so far.
    pub(crate) fn forget(&mut self) {
        self.samples.iter_mut().for_each(|samples| samples.times.clear());
        self.rounds = 0;
    }

    fn took(&mut self, name: &str, time: Duration) -> anyhow::Result<()> {
        let found = self.samples.iter_mut().find(|samples| samples.name == name);
        found.with_context(|| format!("no figure {name}"))?.times.push(time);
        Ok(())
    }

    /// One sample of each figure, one after the other; of the slow ones now and then.
    pub(crate) fn round(&mut self) -> anyhow::Result<()> {
        let time = self.small.measure().context("the floor")?;
        self.took("floor", time)?;
        let time = self.frozen_10m.measure().context("the frozen process with 10 MiB")?;
        self.took("fork_10m", time)?;
        let time = self.frozen_1g.measure().context("the frozen process with 1 GiB")?;
        self.took("fork_1g", time)?;

        let before = monotonic_ns();
        let first_instruction: u64 = self.function.call(&())?;
        self.took("spawn", Duration::from_nanos(first_instruction.saturating_sub(before)))?;

        self.parked.wait_until_full(PATIENCE)?;
        let time = claimed(&self.parked)?;
        self.took("claim_python", time)?;
        // What is parked in its place takes no time from the figures that follow.
        self.parked.wait_until_full(PATIENCE)?;

        let interpreter = self.python.interpreter().context("a Python template")?.executable().to_owned();
        let (result, total) = sandbox(&self.python)?;
        self.took("spawn_python", result)?;
        self.took("spawn_python_total", total)?;
        let (result, total) = command(&interpreter, &["-I", "-S", "-c", JOB])?;
        self.took("cold_python_result", result)?;
        self.took("cold_python", total)?;

        if self.rounds.is_multiple_of(SLOW) {
            let (result, total) = sandbox(&self.python_site)?;
            self.took("spawn_python_site", result)?;
            self.took("spawn_python_site_total", total)?;
            let (result, total) = command(&interpreter, &["-I", "-c", JOB])?;
            self.took("cold_python_site_result", result)?;
            self.took("cold_python_site", total)?;
            let time = self.plain_1g.measure().context("the plain process with 1 GiB")?;
            self.took("fork_1g_plain", time)?;
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
fn sandbox(template: &Template) -> anyhow::Result<(Duration, Duration)> {
    let before = Instant::now();
    let outcome = template.run(JOB)?;
    let total = before.elapsed();
    ensure!(outcome.stdout == RESULT, "the sandbox gave {:?}", outcome.stdout_lossy());
    // The result is two bytes: they came at once.
    let first = outcome.account.times.first_output.context("the time of the first output")?;
    Ok((first, total))
}

/// The job in a parked sandbox: how long from the claim until the host had the result.
fn claimed(pool: &Pool) -> anyhow::Result<Duration> {
    let outcome = pool.claim()?.run(Request::code(JOB))?;
    ensure!(outcome.stdout == RESULT, "the parked sandbox gave {:?}", outcome.stdout_lossy());
    outcome.account.times.first_output.context("the time of the first output")
}

/// The job as a command: how long until its result was there, and until it had ended.
fn command(interpreter: &Path, arguments: &[&str]) -> anyhow::Result<(Duration, Duration)> {
    let mut cold = Command::new(interpreter);
    cold.args(arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::piped());
    let before = Instant::now();
    let mut cold = cold.spawn().context("the cold interpreter")?;
    let mut result = [0; RESULT.len()];
    let mut stdout = cold.stdout.take().context("the cold interpreter's output")?;
    stdout.read_exact(&mut result).context("the cold interpreter's result")?;
    let first = before.elapsed();
    cold.wait().context("the cold interpreter's end")?;
    let total = before.elapsed();
    ensure!(result == RESULT, "the cold interpreter gave {result:?}");
    Ok((first, total))
}
