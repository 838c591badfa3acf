//! One picture of one process: what is in it.

use std::time::Duration;

use crate::kib::Kib;

/// Page faults of all threads of a process since it was made. A fork starts at zero; an exec does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Faults served without reading from a device: first touches, copies on write.
    pub minor: u64,
    /// Faults that had to wait for a device.
    pub major: u64,
}

impl Faults {
    /// The faults that came after `earlier`, a reading of the same process.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            minor: self.minor.saturating_sub(earlier.minor),
            major: self.major.saturating_sub(earlier.major),
        }
    }
}

/// CPU time of all threads of a process, its children not counted.
///
/// The kernel gives it in clock ticks, which are 10 ms almost everywhere: good for a rate over seconds, useless for
/// a run of one millisecond. Whoever reaps the process gets microseconds from `wait4(2)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// Time in user mode.
    pub user: Duration,
    /// Time in the kernel.
    pub system: Duration,
}

/// What a process's address space holds at this moment. What cannot be known is `None`.
///
/// *Private* counts the pages that are no file's and that nobody else maps: a page that a fork and its template both still
/// map is shared, for either of them, until one of them writes to it or is gone. The template's copy and the one that
/// stays with the fork are the same cost, and count the same. So does what a fork had to copy at once, such as pinned pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// All pages in memory, shared ones in full (RSS).
    pub resident_kib: Kib,
    /// Anonymous pages that no other process maps: what this process costs. Where the caller may see the sums only
    /// (`smaps_rollup`), and not the pages, those of files that nobody else maps count as well. `None` for a process with
    /// more than 16 GiB of mappings on a kernel without `PAGEMAP_SCAN`.
    pub private_kib: Option<Kib>,
    /// The rest of `resident_kib`: pages of files, memory that is shared on purpose, and what other processes map as well.
    pub shared_kib: Option<Kib>,
    /// The part of `private_kib` that lies where the baseline had something: anonymous pages, or the content of a file that
    /// is mapped privately, as frozen memory is. A place that the process has unmapped and mapped anew counts as what was
    /// there before. `None` without a baseline, and where the caller may not see the pages.
    pub copied_kib: Option<Kib>,
    /// The rest of `private_kib`: fresh memory, which the kernel has zeroed, and private data of libraries that were loaded
    /// later. `None` where `copied_kib` is.
    pub zeroed_kib: Option<Kib>,
    /// Pages in swap. They are in none of the figures above.
    pub swapped_kib: Kib,
    /// The last-level page tables (`VmPTE`).
    pub page_tables_kib: Kib,
    /// The highest `resident_kib` so far (`VmHWM`). A fork starts with what its parent had at that moment. Unlike the
    /// others it is not exact: the kernel sums it up from per-CPU counters, and may be some hundred KiB behind.
    /// `resident_kib` is no better before Linux 6.16.
    pub peak_kib: Kib,
}

/// What a process is doing, in the words of `proc_pid_stat(5)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// `R`: on a CPU or waiting for one.
    Running,
    /// `S`: waiting for an event.
    Sleeping,
    /// `D`: waiting for a device, and not to be interrupted.
    DiskSleep,
    /// `T`: stopped by a signal.
    Stopped,
    /// `t`: stopped by a tracer.
    Traced,
    /// `Z`: has ended and waits to be reaped.
    Zombie,
    /// `X`: being removed.
    Dead,
    /// `I`: an idle thread of the kernel.
    Idle,
    /// A letter that `proc_pid_stat(5)` does not have.
    Other(char),
}

impl State {
    pub(crate) const fn from_letter(letter: char) -> Self {
        match letter {
            'R' => Self::Running,
            'S' => Self::Sleeping,
            'D' => Self::DiskSleep,
            'T' => Self::Stopped,
            't' => Self::Traced,
            'Z' => Self::Zombie,
            'X' => Self::Dead,
            'I' => Self::Idle,
            other => Self::Other(other),
        }
    }
}

/// What the kernel counts of one process: what a rate is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// What the process was doing.
    pub state: State,
    /// Page faults so far.
    pub faults: Faults,
    /// CPU time so far.
    pub cpu: Cpu,
}

/// One picture of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// What the process was doing.
    pub state: State,
    /// Page faults so far.
    pub faults: Faults,
    /// CPU time so far.
    pub cpu: Cpu,
    /// Its memory; `None` once it has none any more (it is ending or waits to be reaped) or never had any (a thread
    /// of the kernel).
    pub memory: Option<Memory>,
}
