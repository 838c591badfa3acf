//! What is known about a sandbox afterwards: how it ended, what it wrote, what it cost, what held it.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use zeroboot_fork::{Exit, ExitStatus};
use zeroboot_isolation::cgroup::Usage;
use zeroboot_isolation::child::Stamps;
use zeroboot_isolation::policy::StormAction;
use zeroboot_isolation::seal::Seal;
pub use zeroboot_telemetry::storm::{FaultRate, Kind as StormKind};
pub use zeroboot_telemetry::{Cpu, Faults, Memory};
use zeroboot_telemetry::{Kib, PageMap};

use super::collect::Collected;
use super::limit::LimitMet;
use crate::protocol::SpawnStamps;

/// How a sandbox ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// By itself, with this code.
    Exited(u8),
    /// By a signal that it got inside: its number.
    Signaled(i32),
    /// It was ended at its deadline.
    Deadline,
    /// It was ended when it had written too much.
    OutputLimit,
    /// It was ended when it had taken too much memory: by its cgroup. Where there is none each process is refused more
    /// memory than it may have, and ends as it likes.
    MemoryLimit,
    /// It was ended since it had faulted on so many pages in so short a time, as its policy wants.
    Storm,
}

impl Status {
    /// Whether it ended by itself with code 0.
    #[must_use]
    pub fn success(self) -> bool {
        self == Self::Exited(0)
    }

    pub(super) fn of(exit: Exit) -> Self {
        match exit.status {
            ExitStatus::Exited(code) => Self::Exited(code),
            ExitStatus::Signaled { signal, .. } => Self::Signaled(signal),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited with {code}"),
            Self::Signaled(signal) => match nix::sys::signal::Signal::try_from(*signal) {
                Ok(name) => write!(f, "ended by {name}"),
                Err(_) => write!(f, "ended by signal {signal}"),
            },
            Self::Deadline => f.write_str("ended at its deadline"),
            Self::OutputLimit => f.write_str("ended at its output limit"),
            Self::MemoryLimit => f.write_str("ended at its memory limit"),
            Self::Storm => f.write_str("ended for a storm of page faults"),
        }
    }
}

/// Where the time went.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Times {
    /// From the request to the first user instruction; of a parked sandbox, how long its claim took. Zero when it was
    /// never reached.
    pub spawn: Duration,
    /// From there to the end of its first process, less the time in which the host has measured its memory.
    pub run: Duration,
    /// From the request, or the claim, until the host had the first byte of standard output; `None` when there was none.
    pub first_output: Option<Duration>,
    /// From the request, or the claim, until everything of the sandbox was gone.
    pub total: Duration,
    /// The parts of `spawn`, in order; they add up to it. `clone` ends when the child begins to harden itself: what it
    /// copies at one go is in it.
    pub steps: Vec<(&'static str, Duration)>,
}

/// The parts of a spawn; each begins where the one before has ended.
pub(super) fn steps(asked: u64, template: &SpawnStamps, child: &Stamps) -> Vec<(&'static str, Duration)> {
    let marks = [("wake", template.received), ("shell", template.joined), ("clone", child.begun().0)];
    let names = ["namespaces", "limits", "identity", "descriptors", "filter"];
    let hardening = names.into_iter().zip(child.ended().map(|(_, at)| at.0));
    let mut before = asked;
    let mut parts = Vec::with_capacity(marks.len() + names.len());
    for (name, at) in marks.into_iter().chain(hardening) {
        parts.push((name, Duration::from_nanos(at.saturating_sub(before))));
        before = at;
    }
    parts
}

/// What a sandbox cost, measured from outside. Of one that was parked, faults and CPU time are those of its whole life.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// Where the time went.
    pub times: Times,
    /// Page faults of its first process, of children that were waited for, and of orphans. `None` when its end was not seen.
    pub faults: Option<Faults>,
    /// CPU time, counted like the faults; where there were orphans, some tenths of a millisecond of the init that has waited for
    /// them are in it. With a cgroup it is that of all its processes. Without one the children of a process that ignores
    /// `SIGCHLD` are not in it (see `NOTES` in `wait(2)`), nor is what still ran when the init was killed.
    pub cpu: Option<Cpu>,
    /// Memory at the end of the work; `None` when it was ended, or left without a word.
    pub memory: Option<Memory>,
    /// Where the copied part of that memory came from, the largest first.
    pub copied_from: Vec<CopiedFrom>,
    /// The most memory that it had resident at once, what it shared included, or one of its reaped children had. A fork
    /// starts with what its template had. `None` when its end was not seen.
    pub peak: Option<Kib>,
    /// What its cgroup has counted; nothing where it had none.
    pub cgroup: Usage,
    /// Limits that it has met, as far as that can be seen from outside. What it had used up at the end of its work is not
    /// looked at where its memory is not.
    pub limits_met: Vec<LimitMet>,
    /// Its bursts of page faults, in order, the first [`Storm::MOST`] of them. `None` when nobody looked: the policy says so, or
    /// a warning has said why. One that ends within 10 ms has had none.
    pub storms: Option<Vec<Storm>>,
}

/// A burst of page faults: of the sandbox's first process, or of all its processes where it has a cgroup with a memory
/// controller.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Storm {
    /// When it began, after the first user instruction.
    pub began: Duration,
    /// When that was known.
    pub seen: Duration,
    /// How long it took, to the end of the sandbox if it did not end before.
    pub duration: Duration,
    /// Faults in that time.
    pub faults: u64,
    /// The fastest average over an eighth of the time within which one begins.
    pub peak: FaultRate,
    /// What most of them were for. `None` when that is not known: as an ordinary user, of a sandbox that was ended, or when
    /// the memory was given back at once.
    pub kind: Option<StormKind>,
    /// What was done about it: nothing but [`Report`](StormAction::Report) where something else could not be done, which the
    /// seal or a warning says, and where the sandbox has ended first.
    pub action: StormAction,
}

impl Storm {
    /// How many of a sandbox are told of. Something is done about later ones all the same.
    pub const MOST: usize = 64;
}

/// A part of a sandbox's copied memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedFrom {
    /// The template's memory that it is a copy of: a library by its file's name, `[heap]`, `[stack]` and the like as the
    /// kernel calls them, other memory as `[anon]`.
    pub mapping: String,
    /// How much.
    pub amount: Kib,
}

impl fmt::Display for Account {
    /// One line: `spawn 412 us, run 1.2 ms, 210 faults, 832 KiB private`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spawn {}, run {}", Short(self.times.spawn), Short(self.times.run))?;
        if let Some(faults) = self.faults {
            write!(f, ", {} faults", faults.minor + faults.major)?;
        }
        let parts = self.memory.and_then(|memory| memory.private_kib.zip(memory.shared_kib));
        if let Some((private, shared)) = parts {
            write!(f, ", {private} private, {shared} shared")?;
        }
        for storm in self.storms.iter().flatten() {
            let Storm { faults, duration, .. } = storm;
            write!(f, ", a storm of {faults} faults in {}", Short(*duration))?;
        }
        for limit in &self.limits_met {
            write!(f, ", met its limit of {}", limit.what())?;
        }
        Ok(())
    }
}

/// A time with three digits or so.
struct Short(Duration);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = self.0.as_secs_f64() * 1e6;
        match us {
            ..1000.0 => write!(f, "{us:.0} us"),
            ..1_000_000.0 => write!(f, "{:.2} ms", us / 1e3),
            _ => write!(f, "{:.2} s", us / 1e6),
        }
    }
}

/// One finished run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub status: Status,
    /// What it wrote to standard output, if that was collected.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error, if that was collected.
    pub stderr: Vec<u8>,
    /// What a function or a C template answered.
    pub answer: Vec<u8>,
    /// Whether a Python script has failed for want of a network, by its own word: for a message, and for no decision.
    pub wants_network: bool,
    /// What it cost.
    pub account: Account,
    /// Its memory page by page, where that was [asked for](super::MemoryAccount::Map) and may be seen.
    pub page_map: Option<PageMap>,
    /// The files of its working directory that were [copied](super::Request::collect_into), if that was asked for.
    pub collected: Option<Collected>,
    /// What held it, read from outside before its code ran. `None` when it was ended before that, or did not wait for it.
    pub seal: Option<Seal>,
}

impl Outcome {
    /// Standard output as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn stdout_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// Standard error as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn stderr_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stderr)
    }
}
