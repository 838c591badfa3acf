//! One picture of one process.

use std::time::Duration;

use nix::unistd::Pid;
use procfs::ProcError;
use procfs::process::{Process, Stat};

use crate::error::{SampleError, Source};
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

/// What a process's address space holds at this moment.
///
/// *Shared* and *private* count mappings, as `smaps` does: a page that a fork and its template both still map is
/// shared, for either of them, until one of them writes to it or is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// All pages in memory, shared ones in full (RSS).
    pub resident_kib: Kib,
    /// Pages that no other process maps.
    pub private_kib: Kib,
    /// The part of `private_kib` that has been written to: what this process costs.
    pub private_dirty_kib: Kib,
    /// Pages that at least one other process maps as well.
    pub shared_kib: Kib,
    /// Pages in swap.
    pub swapped_kib: Kib,
    /// The last-level page tables (`VmPTE`).
    pub page_tables_kib: Kib,
    /// The highest `resident_kib` so far (`VmHWM`). A fork starts with what its parent had at that moment. Unlike the
    /// others it is not exact: the kernel sums it up from per-CPU counters, and may be some hundred KiB behind.
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
    const fn from_letter(letter: char) -> Self {
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

/// Takes a picture of process `pid`, which is a number in the pid namespace of the caller's `/proc`.
///
/// Works for a process of any kind, threads and all, and also for one that has ended but is not reaped: its faults
/// and CPU time are then final. `pid` must be held still, by being the caller's unreaped child or through a pidfd: a
/// number that has been reaped may belong to another process. The three files are read one after the other through
/// one directory descriptor, so a sample never mixes two processes, but the counters are a few microseconds younger
/// than the memory.
///
/// The kernel walks the page tables of the process to answer, so the time taken grows with its resident memory.
///
/// # Errors
///
/// [`SampleError::Gone`] when there is no such process, [`SampleError::Permission`] when its memory belongs to
/// somebody else, [`SampleError::Unsupported`] on a kernel without `smaps_rollup`, [`SampleError::Read`] otherwise.
///
/// Manual: `proc_pid_stat(5)`, `proc_pid_smaps(5)`, `proc_pid_status(5)`.
pub fn sample(pid: Pid) -> Result<Sample, SampleError> {
    let process =
        Process::new(pid.as_raw()).map_err(|source| SampleError::new(pid, Source::Directory, source))?;
    // Memory first: a process that ends in between then gives its final counters and not a mixture.
    let memory = memory(pid, &process)?;
    let stat = process.stat().map_err(|source| SampleError::new(pid, Source::Stat, source))?;
    Ok(Sample {
        state: State::from_letter(stat.state),
        faults: Faults { minor: stat.minflt, major: stat.majflt },
        cpu: cpu(&stat),
        memory,
    })
}

fn cpu(stat: &Stat) -> Cpu {
    Cpu { user: from_ticks(stat.utime), system: from_ticks(stat.stime) }
}

fn from_ticks(ticks: u64) -> Duration {
    let per_second = procfs::ticks_per_second().max(1);
    let rest = ticks % per_second;
    Duration::from_secs(ticks / per_second) + Duration::from_nanos(rest * 1_000_000_000 / per_second)
}

fn memory(pid: Pid, process: &Process) -> Result<Option<Memory>, SampleError> {
    let rollup = match process.smaps_rollup() {
        Ok(rollup) => Some(rollup),
        // No address space: ESRCH from open is `NotFound`, from read (it ended in between) `Incomplete`.
        Err(ProcError::NotFound(_) | ProcError::Incomplete(_)) => None,
        Err(source) => return Err(SampleError::new(pid, Source::SmapsRollup, source)),
    };
    let status = process.status().map_err(|source| SampleError::new(pid, Source::Status, source))?;
    let (rollup, peak) = match (rollup, status.vmhwm) {
        (_, None) => return Ok(None),
        (None, Some(_)) => return Err(SampleError::Unsupported { pid, source_file: Source::SmapsRollup }),
        (Some(rollup), Some(peak)) => (rollup, peak),
    };

    let total = |key: &str| -> Kib {
        rollup
            .memory_map_rollup
            .iter()
            .filter_map(|map| map.extension.map.get(key).copied())
            .map(Kib::from_bytes)
            .sum()
    };
    let private_dirty_kib = total("Private_Dirty");
    Ok(Some(Memory {
        resident_kib: total("Rss"),
        private_kib: total("Private_Clean") + private_dirty_kib,
        private_dirty_kib,
        shared_kib: total("Shared_Clean") + total("Shared_Dirty"),
        swapped_kib: total("Swap"),
        page_tables_kib: Kib(status.vmpte.unwrap_or(0)),
        peak_kib: Kib(peak),
    }))
}
