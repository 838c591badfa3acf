//! How worn a generation of a template is, and when another one takes its place.
//!
//! All forks of one process have one address layout: what a crash tells about it helps to attack the others. Never here:
//! the building of the next generation.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Weak};
use std::time::{Duration, Instant};

use nix::libc;

use super::lock;

/// What a generation has been through.
#[derive(Debug)]
pub(super) struct Wear {
    since: Instant,
    forks: AtomicU64,
    crashes: AtomicU64,
    /// Whom a crash is told. Held for a few instructions.
    watchers: Mutex<Vec<Weak<dyn Watcher>>>,
}

/// Who wants to know of a crash: it is seen when a run is over, which may be long after its sandbox was claimed.
pub(super) trait Watcher: Debug + Send + Sync {
    /// There was one.
    fn crashed(&self);
}

impl Wear {
    pub(super) fn new() -> Self {
        Self {
            since: Instant::now(),
            forks: AtomicU64::new(0),
            crashes: AtomicU64::new(0),
            watchers: Mutex::default(),
        }
    }

    pub(super) fn forked(&self) {
        self.forks.fetch_add(1, Ordering::Relaxed);
    }

    /// A sandbox was ended by this signal.
    pub(super) fn signaled(&self, signal: i32) {
        if CRASHES.contains(&signal) {
            self.crashes.fetch_add(1, Ordering::Relaxed);
            let watchers = lock(&self.watchers).clone();
            watchers.iter().filter_map(Weak::upgrade).for_each(|watcher| watcher.crashed());
        }
    }

    /// Tells of crashes from now on.
    pub(super) fn watched_by(&self, watcher: Weak<dyn Watcher>) {
        let mut watchers = lock(&self.watchers);
        watchers.retain(|watcher| watcher.strong_count() > 0);
        watchers.push(watcher);
    }
}

/// What ends a program that has guessed an address wrong, or was caught by its canary or the filter.
const CRASHES: [i32; 6] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGABRT, libc::SIGTRAP, libc::SIGSYS];

/// When a template is rotated; never, unless a limit is set.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rotation {
    pub(super) forks: Option<u64>,
    pub(super) age: Option<Duration>,
    pub(super) crashes: Option<u64>,
}

impl Rotation {
    /// How long it may still serve; zero when a limit is reached, `None` when only events end it.
    pub(super) fn left(&self, wear: &Wear) -> Option<Duration> {
        let reached = |limit: Option<u64>, count: &AtomicU64| {
            limit.is_some_and(|it| count.load(Ordering::Relaxed) >= it)
        };
        if reached(self.forks, &wear.forks) || reached(self.crashes, &wear.crashes) {
            return Some(Duration::ZERO);
        }
        self.age.map(|age| age.saturating_sub(wear.since.elapsed()))
    }
}
