//! The living sandboxes of a template, so that others can be told which they are.
//!
//! A sandbox enters once; what changes about it later are atomics of its own. Never here: a system call under the lock.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use crate::host::lock;

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
        let mut residents = lock(&self.residents);
        if residents.len() == residents.capacity() {
            residents.retain(|resident| resident.strong_count() > 0);
            // Or a list that is nearly full of the living would be walked for each newcomer.
            let living = residents.len();
            residents.reserve(living + 1);
        }
        residents.push(Arc::downgrade(&resident));
        resident
    }

    pub(super) fn residents(&self) -> Vec<Arc<Resident>> {
        // A newcomer waits for one copy of the list at most.
        let residents = lock(&self.residents).clone();
        residents.iter().filter_map(Weak::upgrade).collect()
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
        let length = lock(&roster.residents).len();
        assert!(length < 10, "{length}");
        let residents = roster.residents();
        assert_eq!(residents.len(), 1);
        assert!(Arc::ptr_eq(&residents[0], &stays));
    }

    #[test]
    fn the_list_is_not_walked_for_each_newcomer() {
        let roster = Roster::default();
        let mut living: Vec<_> = (0..1000).map(|pid| roster.enter(pid, 10)).collect();
        let spare = || {
            let residents = lock(&roster.residents);
            residents.capacity() - residents.len()
        };
        // Filled to the last place but one.
        while spare() > 1 {
            living.push(roster.enter(0, 10));
        }
        drop(roster.enter(0, 10));
        drop(roster.enter(0, 10));
        assert!(spare() >= living.len(), "{} places for {} that live", spare(), living.len());
    }
}
