//! How long a spawn on demand takes, and a claim.

use std::time::Duration;

use anyhow::{Context, ensure};
use indicatif::ProgressBar;
use zeroboot::{Outcome, Pool, Request, Template};

const JOB: &str = "print(1+1)";
const RESULT: &[u8] = b"2\n";

/// How often each is measured.
pub(crate) const ROUNDS: usize = 300;

/// How long a claimed one may take to be replaced, which is never near.
const PATIENCE: Duration = Duration::from_secs(60);

/// The middle of many, and what 99 of 100 do not exceed, in microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// Of spawns on demand, and of claims: until each is ready, until its result is there, until all of it is gone.
#[derive(Debug)]
pub(crate) struct Times {
    pub(crate) all: Vec<(&'static str, Spread)>,
}

#[derive(Default)]
struct Samples([Vec<f64>; 3]);

impl Samples {
    fn add(&mut self, outcome: &Outcome) -> anyhow::Result<()> {
        ensure!(outcome.stdout == RESULT, "a sandbox gave {:?}", outcome.stdout_lossy());
        let times = &outcome.account.times;
        let result = times.first_output.context("the time of the first output")?;
        for (samples, time) in self.0.iter_mut().zip([times.spawn, result, times.total]) {
            samples.push(time.as_secs_f64() * 1e6);
        }
        Ok(())
    }

    fn spreads(self) -> [Spread; 3] {
        self.0.map(|mut samples| {
            samples.sort_by(f64::total_cmp);
            let at = |percent: usize| samples.get(samples.len() * percent / 100).copied().unwrap_or_default();
            Spread { p50: at(50), p99: at(99) }
        })
    }
}

/// Sandboxes on demand of this template, and claims of this pool, in turns. The pool is full before each of them.
pub(crate) fn measure(template: &Template, pool: &Pool, bar: &ProgressBar) -> anyhow::Result<Times> {
    let (mut demanded, mut claimed) = (Samples::default(), Samples::default());
    for _ in 0..ROUNDS {
        demanded.add(&template.run(JOB)?)?;
        claimed.add(&pool.claim()?.run(Request::code(JOB))?)?;
        pool.wait_until_full(PATIENCE)?;
        bar.inc(1);
    }
    let ([spawn, spawn_result, spawn_total], [claim, claim_result, claim_total]) =
        (demanded.spreads(), claimed.spreads());
    Ok(Times {
        all: vec![
            ("spawn: until it is hardened", spawn),
            ("spawn: until its result", spawn_result),
            ("spawn: until it is gone", spawn_total),
            ("claim", claim),
            ("claim: until its result", claim_result),
            ("claim: until it is gone", claim_total),
        ],
    })
}
