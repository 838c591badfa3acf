//! The living sandboxes of a template, so that others can be told which they are.
//!
//! A sandbox enters once; what changes about it later are atomics of its own. Never here: a system call under the lock.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// A sandbox that lives, for as long as its handle holds this.
#[derive(Debug)]
pub(in crate::host) struct Resident {
    pub(in crate::host) pid: u32,
    /// Since when it is what it is, as [`monotonic_ns`](zeroboot_fork::monotonic_ns) has it.
    since: AtomicU64,
    parked: AtomicBool,
    storms: AtomicU64,
}

impl Resident {
    /// It waits in a pool since this time.
    pub(in crate::host) fn park(&self, since: u64) {
        self.since.store(since, Ordering::Relaxed);
        self.parked.store(true, Ordering::Relaxed);
    }

    /// It was claimed at this time.
    pub(in crate::host) fn claim(&self, since: u64) {
        self.since.store(since, Ordering::Relaxed);
        self.parked.store(false, Ordering::Relaxed);
    }

    /// A storm of page faults has begun in it.
    pub(in crate::host) fn storm(&self) {
        self.storms.fetch_add(1, Ordering::Relaxed);
    }

    pub(in crate::host) fn since(&self) -> u64 {
        self.since.load(Ordering::Relaxed)
    }

    pub(in crate::host) fn is_parked(&self) -> bool {
        self.parked.load(Ordering::Relaxed)
    }

    pub(in crate::host) fn storms(&self) -> u64 {
        self.storms.load(Ordering::Relaxed)
    }
}

/// Those of one template.
#[derive(Debug, Default)]
pub(super) struct Roster {
    /// Held for a few instructions. Those that are gone stay until there is no room for one more.
    residents: Mutex<Vec<Weak<Resident>>>,
}

impl Roster {
    /// One whose process is known from now on, and that was asked for at this time.
    pub(super) fn enter(&self, pid: u32, since: u64) -> Arc<Resident> {
        let resident = Resident {
            pid,
            since: AtomicU64::new(since),
            parked: AtomicBool::new(false),
            storms: AtomicU64::new(0),
        };
        let resident = Arc::new(resident);
        let mut residents = self.lock();
        if residents.len() == residents.capacity() {
            residents.retain(|resident| resident.strong_count() > 0);
        }
        residents.push(Arc::downgrade(&resident));
        resident
    }

    pub(super) fn residents(&self) -> Vec<Arc<Resident>> {
        // Not under the lock: there may be many.
        let residents = self.lock().clone();
        residents.iter().filter_map(Weak::upgrade).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Resident>>> {
        self.residents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_are_gone_make_room() {
        let roster = Roster::default();
        let stays = roster.enter(1, 10);
        for pid in 2..100 {
            drop(roster.enter(pid, 10));
        }
        assert!(roster.lock().len() < 10, "{}", roster.lock().len());
        let residents = roster.residents();
        assert_eq!(residents.len(), 1);
        assert!(Arc::ptr_eq(&residents[0], &stays));
    }
}
