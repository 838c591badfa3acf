//! What there is, and what it does: asks the processes that publish, and reads the rest of `/proc`.
//!
//! Of each sandbox the counters are read, which takes a few microseconds. Its pages are read as far as there is time: first those
//! of the one that somebody looks at, then those of the others in turn. Never here: how it is shown.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::unistd::Pid;
use zeroboot::{PublishedProcess, SandboxState};
use zeroboot_telemetry::{Counters, Kib, Memory, Sampler};

use super::summary::{Summary, printable};
use crate::failure::Failure;

/// All that there is at one moment.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) processes: usize,
    pub(super) templates: Vec<Summary>,
    pub(super) rows: Vec<Row>,
}

/// One living sandbox. What is not known is `None`.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) pid: u32,
    pub(super) template: String,
    pub(super) template_pid: Option<u32>,
    pub(super) state: SandboxState,
    pub(super) age: Duration,
    pub(super) storms: u64,
    pub(super) rates: Option<Rates>,
    pub(super) private: Option<Kib>,
    pub(super) copied: Option<Kib>,
}

/// What a sandbox does in a second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    /// In processors.
    pub(super) cpu: f64,
    pub(super) faults: f64,
}

/// Looks, again and again.
#[derive(Debug)]
pub(super) struct Watch {
    sampler: Sampler,
    /// For the sandboxes of each template, by its process; without a baseline where its pages may not be seen. Sandboxes that a
    /// rotated template has left are compared with the new one, which is laid out otherwise: too little counts as copied.
    models: HashMap<u32, Sampler>,
    known: HashMap<u32, Known>,
    /// Whose pages are next.
    turn: usize,
}

/// What is known of a sandbox from earlier.
#[derive(Debug)]
struct Known {
    at: Instant,
    counters: Counters,
    memory: Option<Memory>,
}

impl Row {
    pub(super) fn is_parked(&self) -> bool {
        self.state == SandboxState::Parked
    }
}

impl Watch {
    pub(super) fn new() -> Self {
        Self { sampler: Sampler::new(), models: HashMap::new(), known: HashMap::new(), turn: 0 }
    }

    /// Takes a picture; reads pages for so long at most, those of `first` before the others.
    pub(super) fn look(&mut self, first: Option<u32>, for_pages: Duration) -> Result<Picture, Failure> {
        let processes = zeroboot::published()
            .map_err(|error| Failure::new(error.cause(), error.remedy().unwrap_or_default()))?;
        let mut rows: Vec<Row> = processes.iter().flat_map(rows).collect();
        let mut known = HashMap::with_capacity(rows.len());
        // One that has gone meanwhile has no counters.
        rows.retain_mut(|row| self.count(row, &mut known));
        self.known = known;
        self.models.retain(|template, _| rows.iter().any(|row| row.template_pid == Some(*template)));
        self.read_pages(&rows, first, for_pages);
        for row in &mut rows {
            let memory = self.known.get(&row.pid).and_then(|known| known.memory);
            (row.private, row.copied) =
                (memory.and_then(|it| it.private_kib), memory.and_then(|it| it.copied_kib));
        }
        let count = processes.len();
        Ok(Picture {
            processes: count,
            templates: processes.into_iter().flat_map(Summary::all).collect(),
            rows,
        })
    }

    fn count(&mut self, row: &mut Row, known: &mut HashMap<u32, Known>) -> bool {
        let Ok(counters) = self.sampler.counters(pid_t(row.pid)) else { return false };
        let at = Instant::now();
        // Whoever has counted more before is another one with the same number.
        let before = self.known.remove(&row.pid).filter(|before| {
            let (was, is) = (before.counters, counters);
            was.faults.minor <= is.faults.minor && was.cpu.user <= is.cpu.user
        });
        row.rates = before.as_ref().map(|before| Rates::between(before, at, counters));
        let memory = before.and_then(|before| before.memory);
        known.insert(row.pid, Known { at, counters, memory });
        true
    }

    fn read_pages(&mut self, rows: &[Row], first: Option<u32>, for_pages: Duration) {
        let begun = Instant::now();
        if let Some(row) = rows.iter().find(|row| Some(row.pid) == first) {
            self.read_pages_of(row);
        }
        for _ in 0..rows.len() {
            if begun.elapsed() >= for_pages {
                return;
            }
            self.turn = (self.turn + 1) % rows.len();
            self.read_pages_of(&rows[self.turn]);
        }
    }

    fn read_pages_of(&mut self, row: &Row) {
        let sampler = match row.template_pid {
            Some(template) => self.models.entry(template).or_insert_with(|| {
                let mut sampler = Sampler::new();
                match sampler.baseline(pid_t(template)) {
                    Ok(baseline) => sampler.against(Arc::new(baseline)),
                    Err(_) => sampler,
                }
            }),
            None => &mut self.sampler,
        };
        if let Some(known) = self.known.get_mut(&row.pid) {
            known.memory = sampler.memory(pid_t(row.pid)).ok().flatten();
        }
    }
}

impl Rates {
    fn between(before: &Known, at: Instant, counters: Counters) -> Self {
        let seconds = (at - before.at).as_secs_f64().max(f64::EPSILON);
        let faults = counters.faults.since(before.counters.faults);
        let time = |counters: Counters| counters.cpu.user + counters.cpu.system;
        let cpu = time(counters).saturating_sub(time(before.counters));
        Self { cpu: cpu.as_secs_f64() / seconds, faults: (faults.minor + faults.major) as f64 / seconds }
    }
}

/// Nothing is measured yet.
fn rows(process: &PublishedProcess) -> impl Iterator<Item = Row> {
    process.templates.iter().flat_map(|template| {
        template.sandboxes.iter().map(|sandbox| Row {
            pid: sandbox.pid,
            template: printable(&template.name),
            template_pid: template.pid,
            state: sandbox.state,
            age: sandbox.age,
            storms: sandbox.storms,
            rates: None,
            private: None,
            copied: None,
        })
    })
}

fn pid_t(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).unwrap_or_default())
}
