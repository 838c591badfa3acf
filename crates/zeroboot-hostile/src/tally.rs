//! What was run and what came of it, counted; and the table at the end.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use crate::findings::Finding;
use crate::program::Program;
use crate::trial::Trial;

/// Counts of a campaign.
#[derive(Debug)]
pub(crate) struct Tally {
    begun: Instant,
    pub(crate) runs: u64,
    siblings: u64,
    operations: BTreeMap<&'static str, u64>,
    ends: BTreeMap<String, u64>,
    latest: Duration,
    /// With the seeds of the runs that broke the promise.
    pub(crate) findings: Vec<(Vec<u64>, Finding)>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            begun: Instant::now(),
            runs: 0,
            siblings: 0,
            operations: BTreeMap::new(),
            ends: BTreeMap::new(),
            latest: Duration::ZERO,
            findings: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, program: &Program, trial: &Trial) {
        self.runs += 1;
        self.siblings += trial.siblings;
        for step in &program.steps {
            *self.operations.entry(step.function).or_default() += 1;
        }
        *self.ends.entry(trial.ended.clone()).or_default() += 1;
        self.latest = self.latest.max(trial.overrun);
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }
}

/// In so many columns.
const COLUMNS: usize = 3;

fn table<'a>(
    to: &mut fmt::Formatter<'_>,
    title: &str,
    counts: impl Iterator<Item = (&'a str, u64)>,
) -> fmt::Result {
    writeln!(to, "{title}")?;
    let cells: Vec<_> = counts.map(|(name, count)| format!("{name:<27}{count:>7}")).collect();
    for row in cells.chunks(COLUMNS) {
        writeln!(to, "  {}", row.join("  "))?;
    }
    Ok(())
}

impl fmt::Display for Tally {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        table(to, "operations", self.operations.iter().map(|(name, count)| (*name, *count)))?;
        table(to, "ends", self.ends.iter().map(|(name, count)| (name.as_str(), *count)))?;
        let seconds = self.begun.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = self.runs as f64 / seconds;
        write!(
            to,
            "{} runs in {seconds:.0} s ({rate:.1}/s), {} honest runs beside them; the latest call came back {} ms after its deadline; {} violations",
            self.runs,
            self.siblings,
            self.latest.as_millis(),
            self.findings.len()
        )
    }
}
