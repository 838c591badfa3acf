//! What is asked of the isolation: plain data, without any system call.
//!
//! Only what is enforced today can be asked for. Never here: how a thing is enforced, and whether it was (that is
//! [`crate::seal`]).

mod protection;

use std::str::FromStr;

pub use protection::{Protection, Protections, Rule};

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

/// A user id, and the group id of the same number, as seen inside the sandbox's user namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(pub u32);

/// Which network a sandbox reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Network {
    /// None: an empty network namespace, and a filter that refuses every socket but a connected unix pair.
    #[default]
    None,
    /// A loopback of its own, and nothing beyond it: a server and a client in one sandbox find one another.
    Loopback,
}

/// Upper bounds on what a sandbox takes.
///
/// Core dumps are always off and locked memory is always bounded by [`Limits::LOCKED_MEMORY`]; the stack limit stays
/// what the template had, since the running stack was laid out by it. See `setrlimit(2)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Limits {
    /// Open descriptors per process. Never more than the template's own hard limit.
    pub open_files: u64,
    /// Processes and threads of the sandbox's user. Enforced only where the sandbox has a user id of its own: the
    /// kernel counts per user, so siblings would otherwise starve one another.
    pub processes: u64,
    /// Memory that each process may have beyond what its template had, in private writable mappings (`RLIMIT_DATA`); the
    /// stacks of threads count whole, and memory files do not count. It bounds no sandbox of several processes: the
    /// seal goes on to say that there is no memory limit.
    pub memory: Option<Bytes>,
    /// Size of one file; `None` leaves the template's own limit.
    pub file_size: Option<Bytes>,
    /// Size of each private file system (`/tmp`, `/dev/shm`, the home directory).
    pub tmp: Bytes,
}

impl Limits {
    /// What one process may keep from being swapped out (`RLIMIT_MEMLOCK`).
    pub const LOCKED_MEMORY: Bytes = Bytes::kibi(64);
}

impl Default for Limits {
    /// 1024 descriptors, 64 processes, memory as the host has it, files as large as the file system takes, 64 MiB per
    /// private file system.
    fn default() -> Self {
        Self { open_files: 1024, processes: 64, memory: None, file_size: None, tmp: Bytes::mebi(64) }
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

    /// Sets [`Limits::tmp`].
    #[must_use]
    pub fn tmp(mut self, size: Bytes) -> Self {
        self.limits.tmp = size;
        self
    }
}
