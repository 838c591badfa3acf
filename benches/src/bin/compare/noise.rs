//! Whether the machine was quiet enough to believe the figures.

use std::time::Duration;

use anyhow::Context;
use procfs::{CpuTime, CurrentSI, KernelStats};

use super::samples::{Samples, quantile};

/// How far the floor's median may move between the first and the last third of a run.
const DRIFT: f64 = 0.25;

/// Which share of the CPU time another guest of the machine may take.
const STOLEN: f64 = 0.02;

/// Which share of the CPU time others may take while this program waits.
const FOREIGN: f64 = 0.05;

/// How long it waits to see them, before and after the run.
const WAIT: Duration = Duration::from_millis(500);

/// How often it looks after the run: the kernel takes down what a thousand sandboxes were made of while nobody waits.
const LOOKS: usize = 4;

/// CPU time since the start, in ticks.
#[derive(Debug, Clone, Copy)]
struct Ticks {
    idle: f64,
    stolen: f64,
    all: f64,
}

/// Watches a run.
#[derive(Debug)]
pub(crate) struct Watch {
    foreign: f64,
    before: Ticks,
}

impl Watch {
    /// Waits for a moment, to see what else runs.
    pub(crate) fn start() -> anyhow::Result<Self> {
        Ok(Self { foreign: foreign()?, before: ticks()? })
    }

    /// What disturbed the run; nothing, if it was quiet.
    pub(crate) fn disturbances(&self, floor: &Samples) -> anyhow::Result<Vec<String>> {
        let mut found = Vec::new();
        let third = floor.values.len() / 3;
        let median = |values| quantile(values, 0.5).context("the floor was not measured often enough");
        let last = median(&floor.values[floor.values.len() - third..])?;
        let drift = (last / median(&floor.values[..third])? - 1.0).abs();
        if drift > DRIFT {
            found.push(format!("the floor moved by {:.0} % within the run", drift * 100.0));
        }
        let now = ticks()?;
        let stolen = (now.stolen - self.before.stolen) / (now.all - self.before.all).max(1.0);
        if stolen > STOLEN {
            found.push(format!("{:.1} % of the CPU time was stolen", stolen * 100.0));
        }
        let foreign = self.foreign.max(settled()?);
        if foreign > FOREIGN {
            found.push(format!("other programs took {:.0} % of the CPU time", foreign * 100.0));
        }
        Ok(found)
    }
}

/// The same when what this program has left behind is gone, as far as that happens within some looks.
fn settled() -> anyhow::Result<f64> {
    let mut least = foreign()?;
    for _ in 1..LOOKS {
        if least <= FOREIGN {
            break;
        }
        least = least.min(foreign()?);
    }
    Ok(least)
}

/// The share of the CPU time that is taken while this program sleeps.
fn foreign() -> anyhow::Result<f64> {
    let before = ticks()?;
    std::thread::sleep(WAIT);
    let after = ticks()?;
    Ok(1.0 - (after.idle - before.idle) / (after.all - before.all).max(1.0))
}

/// Of all processors together. See `proc_stat(5)`.
fn ticks() -> anyhow::Result<Ticks> {
    let CpuTime { user, nice, system, idle, iowait, irq, softirq, steal, .. } =
        KernelStats::current().context("cannot read /proc/stat")?.total;
    let stolen = steal.unwrap_or_default();
    let idle = idle + iowait.unwrap_or_default();
    let busy = user + nice + system + irq.unwrap_or_default() + softirq.unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "shares of them are wanted")]
    Ok(Ticks { idle: idle as f64, stolen: stolen as f64, all: (idle + busy + stolen) as f64 })
}
