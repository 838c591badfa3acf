//! What templates, pools and sandboxes of this process have done so far, in numbers.
//!
//! ```text
//! request: begins a flight ─▶ has a place in the roster ─▶ lands: its account is added
//! reader:  living templates ─▶ their numbers and pools ─▶ text for Prometheus, or what is published
//! ```
//!
//! | module | does |
//! |---|---|
//! | `flight` | counts a sandbox from its request to its end |
//! | `histogram` | counts lengths of time |
//! | `roster` | knows the living sandboxes of a template |
//! | `text` | writes it all down for Prometheus |
//!
//! On the way of a request there are a few additions, and one lock for a few instructions where a sandbox enters the roster.
//! Never here: a system call, and a number that somebody decides by.

mod flight;
mod histogram;
mod roster;
mod text;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use self::histogram::Histogram;
use self::roster::Roster;
use super::lock;
use super::pool::{PoolCounters, Shared};
use crate::protocol::FrozenPlace;

pub(super) use self::flight::{Ending, Flight};
pub(super) use self::roster::Resident;
pub use self::text::prometheus;

/// Those that live, in the order in which they were made. Held for a few instructions.
static TEMPLATES: Mutex<Vec<Weak<Metrics>>> = Mutex::new(Vec::new());

/// The process that is forked now, or the first of them; none while there is none.
#[derive(Debug, Clone, Default)]
pub(super) struct ForkedNow {
    pub(super) process: Option<u32>,
    /// What of its memory is frozen.
    pub(super) frozen: Arc<[FrozenPlace]>,
}

/// The numbers of one template, all its generations together.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    /// No two living templates have the same.
    pub(super) name: String,
    started: AtomicU64,
    ended: [AtomicU64; Ending::NAMES.len()],
    spawn: Histogram,
    run: Histogram,
    minor_faults: AtomicU64,
    major_faults: AtomicU64,
    copied_bytes: AtomicU64,
    zeroed_bytes: AtomicU64,
    user_ns: AtomicU64,
    system_ns: AtomicU64,
    storms: AtomicU64,
    generations: AtomicU64,
    rotations: AtomicU64,
    deaths: AtomicU64,
    /// What is forked now. Held for a few instructions.
    forked: Mutex<ForkedNow>,
    roster: Roster,
    /// Held for a few instructions.
    pools: Mutex<Pools>,
}

#[derive(Debug, Default)]
struct Pools {
    made: u64,
    /// With the number that each has in its template, from 1.
    living: Vec<(u64, Weak<Shared>)>,
}

/// How a pool is.
#[derive(Debug)]
pub(super) struct PoolFigures {
    pub(super) number: u64,
    pub(super) size: usize,
    pub(super) counters: PoolCounters,
}

impl Metrics {
    /// Those of a new template, which is called so; with a number behind it where another one is called so already.
    pub(super) fn register(name: &str) -> Arc<Self> {
        let mut templates = lock(&TEMPLATES);
        templates.retain(|template| template.strong_count() > 0);
        let living: Vec<_> = templates.iter().filter_map(Weak::upgrade).collect();
        let is_free = |name: &String| living.iter().all(|template| template.name != *name);
        let numbered = (2..).map(|number: u64| format!("{name}-{number}"));
        let name = std::iter::once(name.to_owned()).chain(numbered).find(is_free).unwrap_or_default();
        let metrics = Arc::new(Self { name, ..Self::default() });
        templates.push(Arc::downgrade(&metrics));
        metrics
    }

    /// Those of all templates that live.
    pub(super) fn of_living() -> Vec<Arc<Self>> {
        let templates = lock(&TEMPLATES).clone();
        templates.iter().filter_map(Weak::upgrade).collect()
    }

    /// A generation of the template serves: this process is forked from now on, of which these places are frozen.
    pub(super) fn serves(&self, process: Option<u32>, frozen: &[FrozenPlace]) {
        self.generations.fetch_add(1, Ordering::Relaxed);
        *lock(&self.forked) = ForkedNow { process, frozen: frozen.into() };
    }

    /// The template was built anew while it served.
    pub(super) fn rotated(&self) {
        self.rotations.fetch_add(1, Ordering::Relaxed);
    }

    /// The template was found dead.
    pub(super) fn died(&self) {
        self.deaths.fetch_add(1, Ordering::Relaxed);
        *lock(&self.forked) = ForkedNow::default();
    }

    /// A storm of page faults has begun in one of its sandboxes.
    pub(super) fn storm(&self) {
        self.storms.fetch_add(1, Ordering::Relaxed);
    }

    /// One of its sandboxes has this process, and was asked for at this time.
    pub(super) fn enter(&self, pid: u32, since: u64) -> Arc<Resident> {
        self.roster.enter(pid, since)
    }

    /// Counts what this pool does, for as long as it is there.
    pub(super) fn add_pool(&self, pool: &Arc<Shared>) {
        let mut pools = lock(&self.pools);
        pools.living.retain(|(_, pool)| pool.strong_count() > 0);
        pools.made += 1;
        let number = pools.made;
        pools.living.push((number, Arc::downgrade(pool)));
    }

    /// What is forked now.
    pub(super) fn forked_now(&self) -> ForkedNow {
        lock(&self.forked).clone()
    }

    /// How many were asked for, and how many of these have not come to their end.
    pub(super) fn flights(&self) -> (u64, u64) {
        // In this order: what is counted as ended was counted as started before.
        let ended: u64 = self.ended.iter().map(|count| count.load(Ordering::Acquire)).sum();
        let started = self.started.load(Ordering::Relaxed);
        (started, started.saturating_sub(ended))
    }

    /// How many storms there were.
    pub(super) fn storms(&self) -> u64 {
        self.storms.load(Ordering::Relaxed)
    }

    /// How many times the template was built.
    pub(super) fn generations(&self) -> u64 {
        self.generations.load(Ordering::Relaxed)
    }

    /// Its living sandboxes.
    pub(super) fn residents(&self) -> Vec<Arc<Resident>> {
        self.roster.residents()
    }

    /// Its living pools.
    pub(super) fn pools(&self) -> Vec<PoolFigures> {
        let pools = lock(&self.pools).living.clone();
        let figures = |(number, pool): (u64, Weak<Shared>)| {
            let pool = pool.upgrade()?;
            Some(PoolFigures { number, size: pool.size, counters: pool.counters() })
        };
        pools.into_iter().filter_map(figures).collect()
    }
}
