//! Many runs, in batches: after each batch everything must be as it was before.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};

use crate::chance::{Chance, seed_of_run};
use crate::findings::{Finding, Kind};
use crate::holdings::Holdings;
use crate::place::Place;
use crate::program::Program;
use crate::tally::Tally;
use crate::trial;
use crate::watchdog::{self, Watchdog};

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) seed: u64,
    pub(crate) runs: Option<u64>,
    pub(crate) time: Duration,
    pub(crate) jobs: usize,
    /// How often each program runs.
    pub(crate) repeat: u64,
    /// The steps that each program has; all, if nothing is said.
    pub(crate) steps: Option<Vec<usize>>,
    /// How long after its deadline a call may come back.
    pub(crate) slack: Duration,
    /// Promises that are known to be broken.
    pub(crate) open: Vec<Kind>,
    pub(crate) interpreter: Option<PathBuf>,
    /// Where programs go that have broken a promise.
    pub(crate) save: PathBuf,
}

/// Runs from one look at everything to the next.
const BATCH: u64 = 32;

/// After so many violations there is nothing more to learn.
const MOST: usize = 20;

/// Honest runs before the first look, for everything to have its usual size.
const SETTLING: u64 = 20;

/// Whether a thread of this process has panicked.
static PANICKED: AtomicBool = AtomicBool::new(false);

struct Campaign {
    asked: Asked,
    ground: Ground,
    watchdog: Watchdog,
    record: Record,
}

/// Where programs run, and what was there before the first of them.
struct Ground {
    place: Place,
    before: Holdings,
    /// After the first batch, in KiB.
    resident: Option<BTreeMap<u32, u64>>,
}

/// What is written down, also by the watchdog.
#[derive(Clone)]
struct Record {
    tally: Arc<Mutex<Tally>>,
    bar: ProgressBar,
    asked: Asked,
}

/// Runs them all. Gives what was counted.
pub(crate) fn run(asked: Asked) -> anyhow::Result<Tally> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICKED.store(true, Ordering::Relaxed);
        hook(panic);
    }));
    let record = Record { tally: Arc::new(Mutex::new(Tally::new())), bar: bar(&asked), asked: asked.clone() };
    let watchdog = {
        let record = record.clone();
        Watchdog::start(move |seed| record.late(seed)).context("cannot start the watchdog")?
    };
    // What the process keeps for good once it has had a template is there before it is counted.
    drop(Place::new(asked.interpreter.as_ref())?);
    let nothing = Holdings::steady();
    let ground = Ground::new(&asked)?;
    let campaign = Campaign { asked, ground, watchdog, record: record.clone() };
    let wardens = campaign.ground.before.wardens();
    // Whatever it ran on has gone afterwards.
    campaign.work();
    if let Err(left) = nothing.compare(&wardens) {
        record.found(&[], Finding::new(Kind::Left, format!("after the last template has gone: {left}")));
    }
    record.bar.finish_and_clear();
    Ok(std::mem::replace(&mut *record.tally(), Tally::new()))
}

impl Ground {
    fn new(asked: &Asked) -> anyhow::Result<Self> {
        let place = Place::new(asked.interpreter.as_ref())?;
        let mut chance = Chance::new(asked.seed);
        for _ in 0..SETTLING {
            if let Some(Finding { what, .. }) = trial::sibling(&place, &mut chance) {
                anyhow::bail!("before anything hostile has run, {what}");
            }
        }
        place.fill()?;
        Ok(Self { place, before: Holdings::steady(), resident: None })
    }

    /// Whether everything is as it was, and serves; else what is not.
    fn look(&mut self) -> Result<(), String> {
        if PANICKED.swap(false, Ordering::Relaxed) {
            return Err("a thread of the host has panicked".to_owned());
        }
        self.place.fill().map_err(|error| format!("{error:#}"))?;
        self.before.compare(&BTreeSet::new())?;
        let resident = self.resident.get_or_insert_with(|| self.before.resident());
        let grown = self.before.growth(resident);
        if !grown.is_empty() {
            return Err(format!("grown: {}", grown.join(", ")));
        }
        match trial::sibling(&self.place, &mut Chance::new(0)) {
            Some(Finding { what, .. }) => Err(format!("it does not serve: {what}")),
            None => Ok(()),
        }
    }
}

impl Campaign {
    fn work(mut self) {
        let Asked { seed, runs, time, repeat, .. } = self.asked;
        let all = runs.map_or(u64::MAX, |runs| runs.saturating_mul(repeat));
        let mut next = 0;
        while next < all {
            let done = { self.record.tally().elapsed() };
            if (runs.is_none() && done > time) || self.record.tally().findings.len() >= MOST {
                return;
            }
            let seeds: Vec<_> =
                (next..all.min(next + BATCH)).map(|run| seed_of_run(seed, run / repeat)).collect();
            next += BATCH;
            self.batch(&seeds);
            if let Err(left) = self.ground.look() {
                let record = self.record.clone();
                record.note(&format!("something is left; looking for the run that leaves it: {left}"));
                let (seeds, left) = self.narrow(&seeds).unwrap_or((seeds, left));
                record.found(&seeds, Finding::new(Kind::Left, left));
                // What is left now is not what the next batch leaves.
                return;
            }
        }
    }

    /// Runs these, several at a time.
    fn batch(&self, seeds: &[u64]) {
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..self.asked.jobs {
                scope.spawn(|| {
                    while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                        self.one(*seed);
                    }
                });
            }
        });
    }

    fn one(&self, seed: u64) {
        let program = self.asked.program(seed);
        let trial = trial::run(&self.ground.place, &program, &self.watchdog, self.asked.slack);
        self.record.tally().add(&program, &trial);
        self.record.progress();
        for finding in trial.findings {
            self.record.found(&[seed], finding);
        }
    }

    /// The one of these that does it alone, on another ground.
    fn narrow(self, seeds: &[u64]) -> Option<(Vec<u64>, String)> {
        let Self { asked, ground, watchdog, record } = self;
        drop(ground);
        let ground = Ground::new(&asked).ok()?;
        let mut alone = Self { asked, ground, watchdog, record };
        seeds.iter().find_map(|seed| {
            alone.batch(&[*seed]);
            let left = alone.ground.look().err()?;
            Some((vec![*seed], left))
        })
    }
}

impl Asked {
    fn program(&self, seed: u64) -> Program {
        let program = Program::of(seed);
        match &self.steps {
            Some(steps) => program.with_steps(steps),
            None => program,
        }
    }
}

impl Record {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    fn progress(&self) {
        let tally = self.tally();
        match self.asked.runs {
            Some(_) => self.bar.set_position(tally.runs),
            None => self.bar.set_position(tally.elapsed().as_secs()),
        }
        self.bar.set_message(format!("{} runs, {} violations", tally.runs, tally.findings.len()));
    }

    /// Says it at once, lays the programs down, and counts it, unless it is known.
    fn found(&self, seeds: &[u64], finding: Finding) {
        let words: Vec<_> = seeds.iter().map(u64::to_string).collect();
        let open = self.asked.open.contains(&finding.kind);
        let how = if open { "open" } else { "VIOLATION" };
        let after = self.tally().elapsed().as_secs_f64();
        self.note(&format!(
            "{how}: {} after {after:.1} s, seed {}: {}",
            finding.kind,
            words.join(" "),
            finding.what
        ));
        if open {
            return;
        }
        match seeds {
            [seed] => self.save(*seed),
            _ => self.note(&format!(
                "  none of them alone; again: cargo xtask hostile --seed {}",
                self.asked.seed
            )),
        }
        self.tally().findings.push((seeds.to_vec(), finding));
    }

    fn save(&self, seed: u64) {
        let file = self.asked.save.join(format!("{seed}.py"));
        let text = self.asked.program(seed).text();
        match fs::create_dir_all(&self.asked.save).and_then(|()| fs::write(&file, text)) {
            Ok(()) => self.note(&format!("  its program: {}", file.display())),
            Err(error) => self.note(&format!("  its program cannot be written: {error}")),
        }
        self.note(&format!("  again: cargo xtask hostile --seed {seed} --runs 1"));
    }

    /// A call has not come back.
    fn late(&self, seed: u64) {
        let waits = watchdog::threads().join("\n  ");
        let Asked { slack, .. } = &self.asked;
        let what = format!("the call is not back {slack:?} after its deadline; the threads:\n  {waits}");
        self.found(&[seed], Finding::new(Kind::Late, what));
        eprintln!("{}", self.tally());
    }
}

fn bar(asked: &Asked) -> ProgressBar {
    let length = asked.runs.map_or(asked.time.as_secs(), |runs| runs * asked.repeat);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}");
    ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
