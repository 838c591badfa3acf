//! What is told: one JSON document.
//!
//! A later version may add fields; a reader passes over those that it does not know. Never here: what has to be measured.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroboot_fork::monotonic_ns;

use super::super::metrics::{Metrics, PoolFigures, Resident};
use crate::protocol::FrozenPlace;

/// What one process has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PublishedProcess {
    /// The process that made them, as it numbers itself.
    pub pid: u32,
    /// The file name of its program.
    pub program: String,
    /// Its living templates, in the order in which they were made.
    pub templates: Vec<PublishedTemplate>,
}

/// One living template. What is counted is counted over all its generations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PublishedTemplate {
    /// Its name, which no other one of the process has.
    pub name: String,
    /// The process that is forked, or the first of them; `None` while there is none.
    pub pid: Option<u32>,
    /// What of its memory lies in a file, by address, as it was called before: the largest parts.
    #[serde(default)]
    pub frozen: Vec<PublishedPlace>,
    /// Sandboxes that were asked for.
    pub started: u64,
    /// Those of them that have not ended.
    pub in_flight: u64,
    /// Bursts of page faults.
    pub storms: u64,
    /// How often it was built.
    pub generations: u64,
    /// Its living pools.
    pub pools: Vec<PublishedPool>,
    /// Its living sandboxes, parked ones too, in the order in which they were made.
    pub sandboxes: Vec<PublishedSandbox>,
}

/// Memory of a template that was moved into a file, so that it is called otherwise in `/proc`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PublishedPlace {
    /// The first byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// What it was called: a path, `[heap]` or the like, or nothing.
    pub name: String,
}

/// One living pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PublishedPool {
    /// Which of its template's, from 1.
    pub number: u64,
    /// How many it keeps parked.
    pub size: u64,
    /// How many are parked now.
    pub parked: u64,
    /// Claims that got a parked sandbox.
    pub hits: u64,
    /// Claims that found none.
    pub misses: u64,
}

/// One living sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PublishedSandbox {
    /// Its first process, as the process that publishes it numbers it.
    pub pid: u32,
    /// What it is.
    pub state: SandboxState,
    /// For how long it has been that.
    #[serde(rename = "age_us", with = "microseconds")]
    pub age: Duration,
    /// Its bursts of page faults.
    pub storms: u64,
}

/// What a living sandbox is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SandboxState {
    /// Somebody has asked for it.
    Running,
    /// It waits in a pool.
    Parked,
}

impl PublishedProcess {
    /// Of this process, now.
    pub(super) fn take() -> Self {
        let program = std::env::current_exe().ok();
        let program = program.as_deref().and_then(std::path::Path::file_name);
        Self {
            pid: std::process::id(),
            program: program.unwrap_or_default().to_string_lossy().into_owned(),
            templates: Metrics::of_living().iter().map(|metrics| PublishedTemplate::of(metrics)).collect(),
        }
    }
}

impl PublishedTemplate {
    fn of(metrics: &Metrics) -> Self {
        let (started, in_flight) = metrics.flights();
        let (now, forked) = (monotonic_ns(), metrics.forked_now());
        Self {
            name: metrics.name.clone(),
            pid: forked.process,
            frozen: forked.frozen.iter().map(PublishedPlace::of).collect(),
            started,
            in_flight,
            storms: metrics.storms(),
            generations: metrics.generations(),
            pools: metrics.pools().iter().map(PublishedPool::of).collect(),
            sandboxes: metrics
                .residents()
                .iter()
                .map(|resident| PublishedSandbox::of(resident, now))
                .collect(),
        }
    }
}

impl PublishedPlace {
    fn of(FrozenPlace { start, end, name }: &FrozenPlace) -> Self {
        Self { start: *start, end: *end, name: name.clone() }
    }
}

impl PublishedPool {
    fn of(PoolFigures { number, size, counters }: &PoolFigures) -> Self {
        Self {
            number: *number,
            size: *size as u64,
            parked: counters.parked as u64,
            hits: counters.hits,
            misses: counters.misses,
        }
    }
}

impl PublishedSandbox {
    fn of(resident: &Resident, now: u64) -> Self {
        Self {
            pid: resident.pid,
            state: if resident.is_parked() { SandboxState::Parked } else { SandboxState::Running },
            age: Duration::from_nanos(now.saturating_sub(resident.since())),
            storms: resident.storms(),
        }
    }
}

mod microseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_micros)
    }
}
