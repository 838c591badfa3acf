//! What claims and the keeper share: the parked sandboxes, and what was counted.
//!
//! The lock is held for a few instructions. Never here: a system call under it, and a decision about when to refill.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::host::generation::Generation;
use crate::host::sandbox::Sandbox;

/// What a pool has done so far, and how it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PoolCounters {
    /// How many sandboxes are parked now.
    pub parked: usize,
    /// Claims that got a parked sandbox.
    pub hits: u64,
    /// Claims that found none, and got one on demand.
    pub misses: u64,
    /// Sandboxes that were parked.
    pub refills: u64,
    /// How long that took, all of them together.
    pub refill_time: Duration,
    /// Parked sandboxes that ended before they were claimed.
    pub died: u64,
    /// How often a sandbox could not be parked, or the template not be rotated.
    pub failures: u64,
    /// How often the template was rotated.
    pub rotations: u64,
    /// Why the last attempt to park or to rotate has failed; `None` when it has not.
    pub trouble: Option<String>,
}

/// A sandbox that waits, with its number in the keeper's events.
#[derive(Debug)]
pub(super) struct Parked {
    pub(super) number: u64,
    pub(super) sandbox: Sandbox,
}

/// The parked sandboxes, the longest parked first: so their numbers rise, and those of older generations come before those of
/// the current one. Nothing here walks them all, however many there are.
#[derive(Debug, Default)]
pub(super) struct Stock {
    pub(super) parked: VecDeque<Parked>,
    pub(super) counters: PoolCounters,
    pub(super) last_claim: Option<Instant>,
    pub(super) closing: bool,
}

impl Stock {
    /// How many are of this generation, which is the current one.
    pub(super) fn of(&self, generation: &Arc<Generation>) -> usize {
        self.parked.len() - self.parked.partition_point(|parked| !parked.sandbox.is_of(generation))
    }

    /// Takes out the first, if it is of another generation than the current one.
    pub(super) fn take_older(&mut self, generation: &Arc<Generation>) -> Option<Parked> {
        let first = self.parked.front()?;
        if first.sandbox.is_of(generation) { None } else { self.parked.pop_front() }
    }

    /// Takes out this one, if nobody has claimed it.
    pub(super) fn take(&mut self, number: u64) -> Option<Parked> {
        let index = self.parked.binary_search_by_key(&number, |parked| parked.number).ok()?;
        self.parked.remove(index)
    }
}

/// A stock behind its lock.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    stock: Mutex<Stock>,
    changed: Condvar,
}

impl Shelf {
    pub(super) fn lock(&self) -> MutexGuard<'_, Stock> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells those who wait for the stock.
    pub(super) fn tell(&self) {
        self.changed.notify_all();
    }

    /// Waits until this holds; whether it does.
    pub(super) fn wait_until(&self, patience: Duration, mut holds: impl FnMut(&Stock) -> bool) -> bool {
        let (stock, _) = self
            .changed
            .wait_timeout_while(self.lock(), patience, |stock| !holds(stock))
            .unwrap_or_else(PoisonError::into_inner);
        holds(&stock)
    }
}
