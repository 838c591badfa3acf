//! A sandbox in flight: somebody has asked for it, and it has not come to its end. It ends once, and is counted then.
//!
//! Never here: a sandbox that waits in a pool.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Metrics;
use super::histogram::nanoseconds;
use crate::host::outcome::{Account, Status};

/// How a sandbox in flight has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::host) enum Ending {
    /// As its status says.
    Of(Status),
    /// Whoever had asked for it did not want it any more.
    Cancelled,
    /// There is no outcome: an error of the host was told instead.
    Failed,
}

impl Ending {
    /// What the label `outcome` says.
    pub(super) const NAMES: [&str; 9] = [
        "exited_ok",
        "exited_failed",
        "signaled",
        "deadline",
        "output",
        "memory",
        "storm",
        "cancelled",
        "failed",
    ];

    /// Which of [`NAMES`](Self::NAMES).
    fn index(self) -> usize {
        match self {
            Self::Of(Status::Exited(0)) => 0,
            Self::Of(Status::Exited(_)) => 1,
            Self::Of(Status::Signaled(_)) => 2,
            Self::Of(Status::Deadline) => 3,
            Self::Of(Status::OutputLimit) => 4,
            Self::Of(Status::MemoryLimit) => 5,
            Self::Of(Status::Storm) => 6,
            Self::Cancelled => 7,
            Self::Failed => 8,
        }
    }
}

/// Counts a sandbox as started when it is made, and as ended when it is dropped.
#[derive(Debug)]
pub(in crate::host) struct Flight {
    metrics: Arc<Metrics>,
    /// What it is counted as when it is dropped now.
    ending: Ending,
}

impl Flight {
    /// Of one that is asked for now. Unless something else is heard it has failed.
    pub(in crate::host) fn begin(metrics: &Arc<Metrics>) -> Self {
        metrics.started.fetch_add(1, Ordering::Relaxed);
        Self { metrics: Arc::clone(metrics), ending: Ending::Failed }
    }

    /// How it ends unless something else is heard.
    pub(in crate::host) fn ends_as(&mut self, ending: Ending) {
        self.ending = ending;
    }

    /// It has come to its end, and has cost this.
    pub(in crate::host) fn land(mut self, status: Status, account: &Account) {
        self.ending = Ending::Of(status);
        let add = |counter: &AtomicU64, more| {
            counter.fetch_add(more, Ordering::Relaxed);
        };
        let metrics = &*self.metrics;
        // One that was ended before its first instruction has no such times.
        if !account.times.steps.is_empty() {
            metrics.spawn.add(account.times.spawn);
            metrics.run.add(account.times.run);
        }
        if let Some(faults) = account.faults {
            add(&metrics.minor_faults, faults.minor);
            add(&metrics.major_faults, faults.major);
        }
        if let Some(cpu) = account.cpu {
            add(&metrics.user_ns, nanoseconds(cpu.user));
            add(&metrics.system_ns, nanoseconds(cpu.system));
        }
        let memory = account.memory.and_then(|memory| memory.copied_kib.zip(memory.zeroed_kib));
        if let Some((copied, zeroed)) = memory {
            add(&metrics.copied_bytes, copied.bytes());
            add(&metrics.zeroed_bytes, zeroed.bytes());
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        // Whoever sees this has seen that it was started.
        self.metrics.ended[self.ending.index()].fetch_add(1, Ordering::Release);
    }
}
