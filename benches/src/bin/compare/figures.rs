//! The figures, and one round of all of them.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use zeroboot::Template;
use zeroboot_benches::{Floor, Memory};
use zeroboot_fork::monotonic_ns;

/// The job of both Pythons.
const JOB: &str = "print(1+1)";
const RESULT: &[u8] = b"2\n";

/// The samples of one figure, in the order in which they were taken.
#[derive(Debug)]
pub(crate) struct Samples {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) times: Vec<Duration>,
}

impl Samples {
    fn new(name: &'static str, what: &'static str) -> Self {
        Self { name, what, times: Vec::new() }
    }

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

fn larger(mebibytes: u32, memory: Memory) -> anyhow::Result<Floor> {
    let mut process = Floor::with_memory(mebibytes, memory).context("cannot start a larger process")?;
    // It answers when all of its memory is written, and frozen.
    process.measure().with_context(|| format!("the process with {mebibytes} MiB, {memory:?}"))?;
    Ok(process)
}

/// Everything that is measured, and what it is measured with.
pub(crate) struct Bench {
    small: Floor,
    frozen_10m: Floor,
    frozen_1g: Floor,
    plain_1g: Floor,
    function: Template,
    python: Template,
    pub(crate) floor: Samples,
    pub(crate) fork_10m: Samples,
    pub(crate) fork_1g: Samples,
    pub(crate) fork_1g_plain: Samples,
    pub(crate) spawn: Samples,
    pub(crate) spawn_python: Samples,
    pub(crate) cold_python: Samples,
    pub(crate) spawn_python_total: Samples,
    pub(crate) cold_python_result: Samples,
}

impl Bench {
    pub(crate) fn prepare() -> anyhow::Result<Self> {
        Ok(Self {
            small: Floor::start().context("cannot start the process that measures the floor")?,
            frozen_10m: larger(10, Memory::Frozen)?,
            frozen_1g: larger(1024, Memory::Frozen)?,
            plain_1g: larger(1024, Memory::Plain)?,
            function: Template::function("now").build()?,
            python: Template::python().build()?,
            floor: Samples::new("floor", "bare clone3 in a small process, to first instruction"),
            fork_10m: Samples::new("fork_10m", "the same with 10 MiB written, frozen"),
            fork_1g: Samples::new("fork_1g", "... with 1 GiB, frozen"),
            fork_1g_plain: Samples::new("fork_1g_plain", "... with 1 GiB, not frozen"),
            spawn: Samples::new("spawn", "Rust template, strict: request to first user instruction"),
            spawn_python: Samples::new("spawn_python", "Python template, strict: request to the result"),
            spawn_python_total: Samples::new(
                "spawn_python_total",
                "... until all of it is gone, and measured",
            ),
            cold_python: Samples::new("cold_python", "the same interpreter as a command, -I -S -c"),
            cold_python_result: Samples::new("cold_python_result", "... to its result alone"),
        })
    }

    pub(crate) fn interpreter(&self) -> String {
        self.python.interpreter().map_or_else(String::new, |interpreter| {
            let (major, minor) = interpreter.version();
            format!("{major}.{minor}")
        })
    }

    pub(crate) fn all(&self) -> [&Samples; 9] {
        [
            &self.floor,
            &self.fork_10m,
            &self.fork_1g,
            &self.fork_1g_plain,
            &self.spawn,
            &self.spawn_python,
            &self.spawn_python_total,
            &self.cold_python,
            &self.cold_python_result,
        ]
    }

    /// Drops the samples so far.
    pub(crate) fn forget(&mut self) {
        for samples in [
            &mut self.floor,
            &mut self.fork_10m,
            &mut self.fork_1g,
            &mut self.fork_1g_plain,
            &mut self.spawn,
            &mut self.spawn_python,
            &mut self.cold_python,
            &mut self.spawn_python_total,
            &mut self.cold_python_result,
        ] {
            samples.times.clear();
        }
    }

    /// One sample of each figure, one after the other.
    pub(crate) fn round(&mut self) -> anyhow::Result<()> {
        self.floor.times.push(self.small.measure().context("the floor")?);
        self.fork_10m.times.push(self.frozen_10m.measure().context("the frozen process with 10 MiB")?);
        self.fork_1g.times.push(self.frozen_1g.measure().context("the frozen process with 1 GiB")?);
        self.fork_1g_plain.times.push(self.plain_1g.measure().context("the plain process with 1 GiB")?);

        let before = monotonic_ns();
        let first_instruction: u64 = self.function.call(&())?;
        self.spawn.times.push(Duration::from_nanos(first_instruction.saturating_sub(before)));

        let before = Instant::now();
        let outcome = self.python.run(JOB)?;
        self.spawn_python_total.times.push(before.elapsed());
        ensure!(outcome.stdout == RESULT, "the sandbox gave {:?}", outcome.stdout_lossy());
        // The result is two bytes: they came at once.
        let first = outcome.account.times.first_output.context("the time of the first output")?;
        self.spawn_python.times.push(first);

        let interpreter = self.python.interpreter().context("a Python template")?;
        let mut cold = Command::new(interpreter.executable());
        cold.args(["-I", "-S", "-c", JOB]).env_clear().stdin(Stdio::null()).stdout(Stdio::piped());
        let before = Instant::now();
        let mut cold = cold.spawn().context("the cold interpreter")?;
        let mut result = [0; RESULT.len()];
        let mut stdout = cold.stdout.take().context("the cold interpreter's output")?;
        stdout.read_exact(&mut result).context("the cold interpreter's result")?;
        self.cold_python_result.times.push(before.elapsed());
        cold.wait().context("the cold interpreter's end")?;
        self.cold_python.times.push(before.elapsed());
        ensure!(result == RESULT, "the cold interpreter gave {result:?}");
        Ok(())
    }
}
