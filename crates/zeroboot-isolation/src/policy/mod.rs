//! What is asked of the isolation: plain data, without any system call.
//!
//! Only what is enforced today can be asked for. Never here: how a thing is enforced, and whether it was (that is
//! [`crate::seal`]).

mod protection;
mod storm;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

pub use protection::{Protection, Protections, Rule};
pub use storm::{StormAction, StormPolicy};

/// An amount of memory or of file content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

impl Bytes {
    /// So many kibibytes (1024 bytes each).
    pub const fn kibi(count: u64) -> Self {
        Self(count.saturating_mul(1 << 10))
    }

    /// So many mebibytes (1024 × 1024 bytes each).
    pub const fn mebi(count: u64) -> Self {
        Self(count.saturating_mul(1 << 20))
    }
}

/// A text that is no amount of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BytesError {
    /// Not digits, or too many of them.
    #[error("not a number with a unit, as in 16M")]
    Number,
    /// Letters that mean nothing.
    #[error("the unit is none of K, M and G")]
    Unit,
}

impl FromStr for Bytes {
    type Err = BytesError;

    /// Digits, and `K`, `M` or `G` for 1024 and its powers.
    fn from_str(text: &str) -> Result<Self, BytesError> {
        let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let unit: u64 = match &text[digits.len()..] {
            "" => 1,
            "K" => 1 << 10,
            "M" => 1 << 20,
            "G" => 1 << 30,
            _ => return Err(BytesError::Unit),
        };
        let number: u64 = digits.parse().map_err(|_| BytesError::Number)?;
        number.checked_mul(unit).map(Self).ok_or(BytesError::Number)
    }
}

/// CPU time per time: how many processors may be busy at once, on the average of [`Cpus::PERIOD`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cpus(u32);

/// A text that is no number of processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a number of processors from 0.01 to 10000, as in 1.5")]
pub struct CpusError;

impl Cpus {
    /// The time over which the average is taken.
    pub const PERIOD: Duration = Duration::from_millis(100);

    /// The least that the kernel takes.
    pub const LEAST: Self = Self(10);

    /// So many thousandths of a processor; what is less than [`Cpus::LEAST`] counts as that.
    #[must_use]
    pub const fn milli(count: u32) -> Self {
        Self(if count < Self::LEAST.0 { Self::LEAST.0 } else { count })
    }

    /// In thousandths of a processor.
    #[must_use]
    pub const fn to_milli(self) -> u32 {
        self.0
    }

    /// As `cpu.max` wants it: microseconds of CPU time, and of time.
    pub(crate) fn to_quota(self) -> String {
        let period = Self::PERIOD.as_micros();
        format!("{} {period}", u128::from(self.0) * period / 1000)
    }

    /// The reverse of [`to_quota`](Self::to_quota), for any period; `None` when there is no limit.
    pub(crate) fn from_quota(text: &str) -> Option<Self> {
        let (quota, period) = text.trim().split_once(' ')?;
        let (quota, period): (u64, u64) = (quota.parse().ok()?, period.parse().ok()?);
        u32::try_from(quota.checked_mul(1000)?.checked_div(period)?).ok().map(Self)
    }
}

impl FromStr for Cpus {
    type Err = CpusError;

    /// A decimal number, of which three digits after the point count.
    fn from_str(text: &str) -> Result<Self, CpusError> {
        let number: f64 = text.parse().map_err(|_| CpusError)?;
        if !(0.01..=10_000.0).contains(&number) {
            return Err(CpusError);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most ten million")]
        Ok(Self((number * 1000.0).round() as u32))
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", f64::from(self.0) / 1000.0)
    }
}

/// A user id, and the group id of the same number, as seen inside the sandbox's user namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(pub u32);

/// Which network a sandbox reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Network {
    /// None: an empty network namespace, and a filter that refuses every socket but unix ones; where the kernel's Landlock
    /// does not keep abstract names apart (before Linux 6.12), every socket but a connected unix pair.
    #[default]
    None,
    /// A loopback of its own, and nothing beyond it: a server and a client in one sandbox find one another.
    Loopback,
}

/// Upper bounds on what a sandbox takes.
///
/// Always the same, whatever is asked: core dumps are off, locked memory is bounded by [`Limits::LOCKED_MEMORY`] and
/// signals that wait by [`Limits::QUEUED_SIGNALS`], and there are no message queues and no better priorities. The stack
/// limit stays what the template had, since the running stack was laid out by it. See `setrlimit(2)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Limits {
    /// Open descriptors per process. Never more than the template's own hard limit.
    ///
    /// Where the host is an ordinary user, never more than half of the host's own soft limit either, as it is when the
    /// template is built, and at least 317 below it: the kernel counts descriptors that are on their way between processes for
    /// the user, and compares with the limit of the sender. A sandbox that leaves many on their way then fails before
    /// its host does. Raise the host's limit (`ulimit -n`) for more; `zeroboot` raises its own as far as it may.
    pub open_files: u64,
    /// Processes and threads of the sandbox. Enforced by its cgroup, and by the limit of its user where that is its own:
    /// the kernel counts per user, so siblings would otherwise starve one another.
    pub processes: u64,
    /// Memory of the whole sandbox beyond what it shares with its template, file systems in memory included: its cgroup
    /// kills it when it takes more.
    ///
    /// Where there is no cgroup with a memory controller, each process may have so much beyond what its template had, in
    /// private writable mappings (`RLIMIT_DATA`), and is refused more; the stacks of threads count whole, and memory files
    /// do not count. That bounds no sandbox of several processes: the seal says that there is no memory limit.
    pub memory: Option<Bytes>,
    /// CPU time, by the sandbox's cgroup. There is nothing to fall back to: where it cannot be bounded, there is no template.
    pub cpus: Option<Cpus>,
    /// Size of one file; `None` leaves the template's own limit.
    pub file_size: Option<Bytes>,
    /// Size of each private file system (`/tmp`, `/dev/shm`, the home directory).
    pub tmp: Bytes,
}

impl Limits {
    /// The least memory that is worth a limit: what a sandbox of an interpreter takes before its script does anything.
    pub const LEAST_MEMORY: Bytes = Bytes::mebi(1);

    /// The smallest private file system in which a sandbox can start.
    pub const LEAST_TMP: Bytes = Bytes::kibi(64);

    /// What one process may keep from being swapped out (`RLIMIT_MEMLOCK`).
    pub const LOCKED_MEMORY: Bytes = Bytes::kibi(64);

    /// How many signals may wait in queues and in timers (`RLIMIT_SIGPENDING`): of each sandbox where it has a user id of its
    /// own, of all of a template where they share one.
    pub const QUEUED_SIGNALS: u64 = 1024;
}

impl Default for Limits {
    /// 1024 descriptors, 64 processes, memory and CPU time as the host has them, files as large as the file system takes,
    /// 64 MiB per private file system.
    fn default() -> Self {
        Self {
            open_files: 1024,
            processes: 64,
            memory: None,
            cpus: None,
            file_size: None,
            tmp: Bytes::mebi(64),
        }
    }
}

/// What a sandbox may do and take.
///
/// ```
/// use zeroboot_isolation::policy::{Bytes, Policy};
///
/// let policy = Policy::strict().open_files(256).tmp(Bytes::mebi(16));
/// assert_eq!(policy.limits.open_files, 256);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Policy {
    /// Upper bounds.
    pub limits: Limits,
    /// Network access.
    pub network: Network,
    /// How much each protection is wanted.
    pub protections: Protections,
    /// What is done about bursts of page faults.
    pub storm: StormPolicy,
}

impl Policy {
    /// Everything that this version can enforce. The same as `Policy::default()`.
    pub fn strict() -> Self {
        Self::default()
    }

    /// Sets [`Limits::open_files`].
    #[must_use]
    pub fn open_files(mut self, count: u64) -> Self {
        self.limits.open_files = count;
        self
    }

    /// Sets [`Limits::processes`].
    #[must_use]
    pub fn processes(mut self, count: u64) -> Self {
        self.limits.processes = count;
        self
    }

    /// Sets [`Limits::memory`].
    #[must_use]
    pub fn memory(mut self, size: Bytes) -> Self {
        self.limits.memory = Some(size);
        self
    }

    /// Sets [`Limits::cpus`].
    #[must_use]
    pub fn cpus(mut self, cpus: Cpus) -> Self {
        self.limits.cpus = Some(cpus);
        self
    }

    /// Sets [`Limits::file_size`].
    #[must_use]
    pub fn file_size(mut self, size: Bytes) -> Self {
        self.limits.file_size = Some(size);
        self
    }

    /// Sets how much a protection is wanted.
    #[must_use]
    pub fn protection(mut self, protection: Protection, rule: Rule) -> Self {
        self.protections = self.protections.with(protection, rule);
        self
    }

    /// Sets which network a sandbox reaches.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Sets what is done about bursts of page faults.
    #[must_use]
    pub fn storm(mut self, storm: StormPolicy) -> Self {
        self.storm = storm;
        self
    }

    /// Sets [`Limits::tmp`].
    #[must_use]
    pub fn tmp(mut self, size: Bytes) -> Self {
        self.limits.tmp = size;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_read_and_written() {
        for (text, quota) in [("1", "100000 100000"), ("0.25", "25000 100000"), ("64", "6400000 100000")] {
            let cpus: Cpus = text.parse().expect("a number");
            assert_eq!((cpus.to_quota().as_str(), cpus.to_string().as_str()), (quota, text));
            assert_eq!(Cpus::from_quota(quota), Some(cpus));
        }
        assert_eq!(Cpus::from_quota("max 100000\n"), None);
        for wrong in ["", "0", "-1", "0.001", "nan", "inf", "1e9", "one"] {
            assert_eq!(wrong.parse::<Cpus>(), Err(CpusError), "{wrong}");
        }
    }
}
