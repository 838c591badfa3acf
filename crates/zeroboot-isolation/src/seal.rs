//! What really holds for a sandbox, read from outside.
//!
//! Pure reading of `/proc`. Never here: asking the sandbox, and believing what was meant to be enforced.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::stat::{FileStat, Mode, fstatat};
use nix::unistd::Uid;

use crate::cgroup::{Bounds, BoundsError, GroupReader};
use crate::child::{Keyring, Stamps};
use crate::policy::{Protection, Protections};

/// What holds for one process.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seal {
    /// `execve` gives no privilege.
    pub no_new_privs: bool,
    /// System-call filters: how many. Kernels before 5.9 only tell that there is one.
    pub seccomp_filters: u32,
    /// Capabilities, summed over the five sets. Zero in a sandbox.
    pub capabilities: u32,
    /// The namespaces that are not the reader's own.
    pub namespaces: Vec<Namespace>,
    /// Which version of Landlock's rules holds. The kernel shows it nowhere: this is the word of the hardening, said
    /// before user code started.
    pub landlock: Option<u32>,
    /// What its cgroup bounds; `None`: it has none of its own.
    pub cgroup: Option<Bounds>,
    /// What is not enforced.
    pub missing: Vec<Missing>,
}

/// A kind of namespace. See `namespaces(7)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Namespace {
    /// Users, groups, capabilities.
    User,
    /// Process ids.
    Pid,
    /// Mounts.
    Mount,
    /// System V objects and message queues.
    Ipc,
    /// Host name.
    Uts,
    /// Network.
    Net,
    /// The cgroup root.
    Cgroup,
}

impl Namespace {
    /// Every kind, in the order of [`Seal::namespaces`].
    pub const ALL: [Self; 7] =
        [Self::User, Self::Pid, Self::Mount, Self::Ipc, Self::Uts, Self::Net, Self::Cgroup];

    /// Its name, as in `/proc/<pid>/ns`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Pid => "pid",
            Self::Mount => "mnt",
            Self::Ipc => "ipc",
            Self::Uts => "uts",
            Self::Net => "net",
            Self::Cgroup => "cgroup",
        }
    }
}

/// A protection that does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Missing {
    /// The policy does without it, or the kernel has refused what was only preferred.
    Protection(Protection),
    /// No bound on the memory of the whole sandbox.
    MemoryLimit,
    /// No bound on its CPU time.
    CpuLimit,
    /// No cgroup by which it could be throttled in a storm, which the policy asks for.
    StormThrottle,
    /// The process has the user id of its reader: towards the kernel it is the same user.
    OwnUser,
}

impl Missing {
    /// What is missing, in a few words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Protection(protection) => protection.name(),
            Self::MemoryLimit => "memory limit",
            Self::CpuLimit => "cpu limit",
            Self::StormThrottle => "storm throttle",
            Self::OwnUser => "own user id",
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a seal could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// There is no such process, or it ended while it was read.
    #[error("process {0} is gone")]
    Gone(u32),
    /// Opening its directory in `/proc`.
    #[error("cannot open /proc/{pid}; is /proc mounted?")]
    Open {
        /// The process.
        pid: u32,
        /// What the kernel answered.
        source: Errno,
    },
    /// Reading its status.
    #[error("cannot read /proc/{pid}/status")]
    Status {
        /// The process.
        pid: u32,
        /// What the kernel answered.
        source: std::io::Error,
    },
    /// A line of its status is not there, or not as `proc(5)` says.
    #[error("/proc/{pid}/status has no readable line {line}")]
    Line {
        /// The process.
        pid: u32,
        /// The start of the line.
        line: &'static str,
    },
    /// Looking at one of its namespaces.
    #[error("cannot look at the {} namespace of process {pid}; the reader must own its user namespace", namespace.name())]
    Namespace {
        /// The process; 0 is the reader itself.
        pid: u32,
        /// Which namespace.
        namespace: Namespace,
        /// What the kernel answered.
        source: Errno,
    },
    /// Reading what its cgroup bounds.
    #[error("cannot read what bounds process {pid}")]
    Bounds {
        /// The process.
        pid: u32,
        /// What could not be read.
        source: BoundsError,
    },
    /// It is not in the cgroup that was made for it.
    #[error("process {0} is not in its cgroup")]
    Elsewhere(u32),
}

/// A device and an inode: which namespace it is.
type Identity = (libc::dev_t, libc::ino_t);

/// Reads seals. It knows the namespaces of the process that made it, to tell a sandbox's own from shared ones.
#[derive(Debug, Clone)]
pub struct SealReader {
    own: [Identity; Namespace::ALL.len()],
}

impl SealReader {
    /// Looks at the namespaces of the calling thread's process, once for all seals.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn new() -> Result<Self, SealError> {
        const SELF: u32 = 0;
        let here = open_directory(c"/proc/self").map_err(|source| SealError::Open { pid: SELF, source })?;
        let mut own = [(0, 0); Namespace::ALL.len()];
        for (own, namespace) in own.iter_mut().zip(Namespace::ALL) {
            *own = identity(&here, namespace).map_err(|source| SealError::Namespace {
                pid: SELF,
                namespace,
                source,
            })?;
        }
        Ok(Self { own })
    }

    /// Reads what holds for the process `pid`, as the reader's own `/proc` numbers it; with a group, it must be in a leaf of
    /// that. The same as [`begin`](Self::begin) and [`Reading::finish`] at once.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn read(&self, pid: u32, group: Option<&GroupReader>) -> Result<Seal, SealError> {
        self.begin(pid)?.finish(group)
    }

    /// Reads of a fresh fork what its hardening does not change: the namespaces that it was born in.
    ///
    /// The directory of the process is opened once, so that all answers are about one process even if its number is
    /// used again. Whether it is the meant one is the caller's to know: it holds a pidfd, or has not reaped it.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn begin(&self, pid: u32) -> Result<Reading, SealError> {
        let there = open_directory(format!("/proc/{pid}").as_str()).map_err(|source| {
            if is_gone(source) { SealError::Gone(pid) } else { SealError::Open { pid, source } }
        })?;
        let mut reading = Reading { pid, there, own: self.own, namespaces: Vec::new() };
        reading.look_at(&BORN)?;
        Ok(reading)
    }
}

/// The namespaces that a process has from its birth: it could leave them only by privileges that it gives up.
const BORN: [Namespace; 3] = [Namespace::User, Namespace::Pid, Namespace::Uts];

/// Those that it joins while it hardens itself.
const JOINED: [Namespace; 4] = [Namespace::Mount, Namespace::Ipc, Namespace::Net, Namespace::Cgroup];

/// A seal that is read in part.
#[derive(Debug)]
pub struct Reading {
    pid: u32,
    there: OwnedFd,
    own: [Identity; Namespace::ALL.len()],
    /// Those that are not the reader's own.
    namespaces: Vec<Namespace>,
}

impl Reading {
    fn look_at(&mut self, namespaces: &[Namespace]) -> Result<(), SealError> {
        let pid = self.pid;
        for &namespace in namespaces {
            match identity(&self.there, namespace) {
                Ok(identity) if identity == self.own[namespace as usize] => {}
                Ok(_) => self.namespaces.push(namespace),
                Err(errno) if is_gone(errno) || self.is_ending() => return Err(SealError::Gone(pid)),
                Err(source) => return Err(SealError::Namespace { pid, namespace, source }),
            }
        }
        Ok(())
    }

    /// Whether it has given up its memory already, or is no more. There are kernels that let nobody but root look at the namespaces
    /// of the one, not even who owns its user namespace; and all refuse a look at those of a process that is reaped meanwhile.
    fn is_ending(&self) -> bool {
        match status(&self.there) {
            Ok(text) => !text.lines().any(|line| line.starts_with("VmSize:")),
            Err(error) => error.raw_os_error().map(Errno::from_raw).is_some_and(is_gone),
        }
    }

    /// Reads the rest, of a process that has hardened itself; with a group, it must be in a leaf of that.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn finish(mut self, group: Option<&GroupReader>) -> Result<Seal, SealError> {
        let pid = self.pid;
        let text =
            status(&self.there).map_err(|source| match source.raw_os_error().map(Errno::from_raw) {
                Some(errno) if is_gone(errno) => SealError::Gone(pid),
                _ => SealError::Status { pid, source },
            })?;
        let status = Status { pid, text: &text };
        self.look_at(&JOINED)?;
        self.namespaces.sort_by_key(|namespace| *namespace as usize);

        let cgroup = group.map(|group| bounds(&self.there, pid, group)).transpose()?;
        let mut missing = Vec::new();
        if cgroup.as_ref().is_none_or(|bounds| bounds.memory.is_none()) {
            missing.push(Missing::MemoryLimit);
        }
        if cgroup.as_ref().is_none_or(|bounds| bounds.cpus.is_none()) {
            missing.push(Missing::CpuLimit);
        }
        if status.number("Uid:", 10)? == u64::from(Uid::effective().as_raw()) {
            missing.push(Missing::OwnUser);
        }
        Ok(Seal {
            no_new_privs: status.number("NoNewPrivs:", 10)? == 1,
            seccomp_filters: status.filters()?,
            capabilities: status.capabilities()?,
            namespaces: self.namespaces,
            landlock: None,
            cgroup,
            missing,
        })
    }
}

impl Seal {
    /// Adds what only the hardening itself knows, and what the policy did without.
    #[must_use]
    pub fn with_word_of(mut self, stamps: &Stamps, wanted: Protections) -> Self {
        self.landlock = stamps.landlock();
        let counted_by_group = self.cgroup.as_ref().is_some_and(|bounds| bounds.processes.is_some());
        let counted = counted_by_group || !self.missing.contains(&Missing::OwnUser);
        let is_missing = |protection: &Protection| match protection {
            Protection::Landlock => self.landlock.is_none(),
            Protection::Keyring => stamps.keyring() == Keyring::Templates,
            Protection::ProcessLimit => !counted || !wanted.wants(Protection::ProcessLimit),
            Protection::Cgroup => self.cgroup.is_none(),
            other => !wanted.wants(*other),
        };
        self.missing.extend(Protection::ALL.into_iter().filter(is_missing).map(Missing::Protection));
        self
    }

    /// The first wanted protection that does not hold, although it can be seen from outside.
    pub fn flaw(&self, wanted: Protections) -> Option<Protection> {
        let has = |namespace| self.namespaces.contains(&namespace);
        let holds = |protection: &Protection| match protection {
            Protection::Filter => self.seccomp_filters > 0,
            Protection::Capabilities => self.capabilities == 0,
            Protection::NetNamespace => has(Namespace::Net),
            Protection::UtsNamespace => has(Namespace::Uts),
            Protection::CgroupNamespace => has(Namespace::Cgroup),
            // Read with the seal: who is in another cgroup has none.
            Protection::Cgroup => true,
            // A flaw of these cannot be seen; the hardening has checked them.
            Protection::Landlock | Protection::Session | Protection::Keyring | Protection::ProcessLimit => {
                true
            }
        };
        Protection::ALL.into_iter().find(|protection| wanted.wants(*protection) && !holds(protection))
    }
}

fn open_directory<P: ?Sized + nix::NixPath>(path: &P) -> Result<OwnedFd, Errno> {
    open(path, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
}

/// No status is longer, in bytes: its longest lines list a machine's CPUs and memory nodes.
const STATUS_LIMIT: usize = 16 * 1024;

fn status(directory: impl AsFd) -> Result<String, std::io::Error> {
    let mut text = String::with_capacity(STATUS_LIMIT);
    let file = openat(directory, c"status", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    // Bounded, so that nobody asks for the size of a file that has none.
    File::from(file).take(STATUS_LIMIT as u64).read_to_string(&mut text)?;
    Ok(text)
}

fn bounds(process: impl AsFd, pid: u32, group: &GroupReader) -> Result<Bounds, SealError> {
    match group.bounds(process.as_fd()) {
        Ok(bounds) => bounds.ok_or(SealError::Elsewhere(pid)),
        Err(error) if error.source.raw_os_error().map(Errno::from_raw).is_some_and(is_gone) => {
            Err(SealError::Gone(pid))
        }
        Err(source) => Err(SealError::Bounds { pid, source }),
    }
}

/// What `/proc` answers about a process that is no more.
fn is_gone(errno: Errno) -> bool {
    matches!(errno, Errno::ENOENT | Errno::ESRCH)
}

fn identity(directory: impl AsFd, namespace: Namespace) -> Result<Identity, Errno> {
    let path = match namespace {
        Namespace::User => c"ns/user",
        Namespace::Pid => c"ns/pid",
        Namespace::Mount => c"ns/mnt",
        Namespace::Ipc => c"ns/ipc",
        Namespace::Uts => c"ns/uts",
        Namespace::Net => c"ns/net",
        Namespace::Cgroup => c"ns/cgroup",
    };
    let FileStat { st_dev, st_ino, .. } = fstatat(directory, path, AtFlags::empty())?;
    Ok((st_dev, st_ino))
}

/// `/proc/<pid>/status`.
struct Status<'a> {
    pid: u32,
    text: &'a str,
}

impl Status<'_> {
    /// The first word after `name` at the start of a line.
    fn word(&self, name: &str) -> Option<&str> {
        self.text.lines().find_map(|line| line.strip_prefix(name))?.split_ascii_whitespace().next()
    }

    fn number(&self, line: &'static str, radix: u32) -> Result<u64, SealError> {
        self.word(line)
            .and_then(|word| u64::from_str_radix(word, radix).ok())
            .ok_or(SealError::Line { pid: self.pid, line })
    }

    fn filters(&self) -> Result<u32, SealError> {
        const COUNT: &str = "Seccomp_filters:";
        const MODE: &str = "Seccomp:";
        const FILTERED: u64 = 2;
        if self.word(COUNT).is_none() {
            return Ok(u32::from(self.number(MODE, 10)? == FILTERED));
        }
        u32::try_from(self.number(COUNT, 10)?).map_err(|_| SealError::Line { pid: self.pid, line: COUNT })
    }

    fn capabilities(&self) -> Result<u32, SealError> {
        let sets = ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"];
        sets.into_iter().try_fold(0, |sum, set| Ok(sum + self.number(set, 16)?.count_ones()))
    }
}
