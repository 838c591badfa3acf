//! What the kernel counts for a user or a user namespace, not for a process: queued signals, message queues, processes,
//! watches, namespaces. What a sandbox takes of these its host's user may lack.
//!
//! All of it is bounded ahead of the sandboxes, and costs none of them a system call:
//!
//! 1. [`open_files`], in the host, says how many descriptors a sandbox may have;
//! 2. [`leave_room`], in the warden, before it makes its user namespace: the kernel takes the most that everybody in a new
//!    namespace may hold together from the limits of its maker, and counts that against the maker's user;
//! 3. [`close_unused`], in the warden, as soon as it has a `/proc`: kinds that nobody in its namespace needs;
//! 4. the template, when it is [bounded](crate::template::bound_template): what each sandbox may hold, which it inherits.
//!
//! Never here: what is counted for one process ([`crate::child`]) or one cgroup ([`crate::cgroup`]).

use std::fs;
use std::io;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, rlim_t, setrlimit};

use crate::policy::Limits;
use crate::world::IdMap;

/// Why quotas could not be bounded.
#[derive(Debug, thiserror::Error)]
pub enum QuotaError {
    /// Reading or lowering one of the process's own limits.
    #[error("cannot bound {limit:?}")]
    Limit {
        /// Which.
        limit: Resource,
        /// What the kernel answered.
        source: Errno,
    },
    /// Closing a kind of the user namespace.
    #[error("cannot write to {}; the user namespace must be this process's own", path.display())]
    Namespace {
        /// Its file.
        path: PathBuf,
        /// What the kernel answered.
        source: io::Error,
    },
}

/// How many descriptors a message carries: so many may go beyond a limit, since the kernel looks before it counts.
const IN_ONE_MESSAGE: rlim_t = 253;

/// How many of its open files a host keeps from its sandboxes at least: a message, and what its own requests carry.
const KEPT_FILES: rlim_t = IN_ONE_MESSAGE + 64;

/// A sandbox without these cannot place its streams and its channel.
pub(crate) const LEAST_OPEN_FILES: rlim_t = 16;

/// Why a host has no open files to spare.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenFilesError {
    /// Reading the limit of this process.
    #[error("cannot read this process's limit of open files")]
    Read(#[source] Errno),
    /// It is so low that any sandbox could keep this process from passing descriptors.
    #[error("this process may have {soft} open files, and needs {needed} for sandboxes of its own user")]
    TooFew {
        /// Its soft limit.
        soft: u64,
        /// The least that is enough.
        needed: u64,
    },
}

impl OpenFilesError {
    /// What a person can do about it.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Read(_) => None,
            Self::TooFew { needed, .. } => {
                Some(format!("raise the limit of open files (ulimit -n {needed}), or run as root"))
            }
        }
    }
}

/// How many descriptors each sandbox of the calling process may have open, where so many are asked for.
///
/// Descriptors that are on their way in a message are counted for the *user*, and the kernel refuses to pass more for
/// a process that has a lower limit of open files than that. So sandboxes with the host's user id get half of the host's limit at
/// most: they stop long before their host has to. Sandboxes with ids of their own get what is asked for.
///
/// # Errors
/// [`OpenFilesError`].
pub fn open_files(asked: u64, ids: IdMap) -> Result<u64, OpenFilesError> {
    if ids != IdMap::Single {
        return Ok(asked);
    }
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).map_err(OpenFilesError::Read)?;
    spare(soft).map(|spare| asked.min(spare))
}

/// What a process with this limit has to spare.
fn spare(soft: rlim_t) -> Result<rlim_t, OpenFilesError> {
    match soft.saturating_sub(KEPT_FILES.max(soft / 2)) {
        0..LEAST_OPEN_FILES => Err(OpenFilesError::TooFew { soft, needed: KEPT_FILES + LEAST_OPEN_FILES }),
        spare => Ok(spare),
    }
}

/// How many processes of its limit a host's user keeps for itself, at most; never more than an eighth of it.
const KEPT_PROCESSES: rlim_t = 128;

/// The most signals that are queued for all sandboxes of a host, where its own limit says nothing.
const QUEUED_TOGETHER: rlim_t = 1 << 16;

/// Lowers the calling process's limits, so that what is made below it can never take all that its user has: of the signals
/// that wait half, of the processes all but a few, of message queues nothing. Before
/// [`unshare`](crate::world::unshare).
///
/// It also lifts the soft limit of open files to the hard one: the kernel refuses to pass descriptors for a process
/// whose limit is lower than what its user has in flight, and what sandboxes may have lies [below](crate::policy::Limits::open_files).
///
/// # Errors
/// [`QuotaError::Limit`].
pub fn leave_room() -> Result<(), QuotaError> {
    let (signals, _) = limit(Resource::RLIMIT_SIGPENDING)?;
    let signals = if signals == RLIM_INFINITY { QUEUED_TOGETHER } else { signals / 2 };
    lower(Resource::RLIMIT_SIGPENDING, signals)?;
    lower(Resource::RLIMIT_MSGQUEUE, 0)?;
    let (processes, _) = limit(Resource::RLIMIT_NPROC)?;
    if processes != RLIM_INFINITY {
        lower(Resource::RLIMIT_NPROC, processes - KEPT_PROCESSES.min(processes / 8))?;
    }
    let (_, files) = limit(Resource::RLIMIT_NOFILE)?;
    set(Resource::RLIMIT_NOFILE, files, files)?;
    allow_limit_of_one()
}

/// A limit of 1 for core files keeps the host's handler from being called, and 0 does not (`core(5)`). A hard limit of 0 can be
/// raised by root alone: an ordinary user's sandboxes have it then.
fn allow_limit_of_one() -> Result<(), QuotaError> {
    if limit(Resource::RLIMIT_CORE)?.1 > 0 {
        return Ok(());
    }
    match set(Resource::RLIMIT_CORE, 1, 1) {
        Err(QuotaError::Limit { source: Errno::EPERM, .. }) => Ok(()),
        result => result,
    }
}

/// Lowers what each sandbox inherits of such limits: it queues some signals, and has neither message queues nor better
/// priorities than others.
pub(crate) fn bound_each() -> Result<(), QuotaError> {
    lower(Resource::RLIMIT_SIGPENDING, Limits::QUEUED_SIGNALS)?;
    for unused in [Resource::RLIMIT_MSGQUEUE, Resource::RLIMIT_RTPRIO, Resource::RLIMIT_NICE] {
        lower(unused, 0)?;
    }
    Ok(())
}

/// What nobody below the warden makes, by the files of `/proc/sys/user`.
const UNUSED: [&str; 7] = [
    "max_user_namespaces",
    "max_uts_namespaces",
    "max_time_namespaces",
    "max_inotify_instances",
    "max_inotify_watches",
    "max_fanotify_groups",
    "max_fanotify_marks",
];

/// Allows none of what neither template nor sandboxes make in this user namespace: further user, host name and time
/// namespaces, and watches on files. See `namespaces(7)`, files in `/proc/sys/user`.
///
/// Call it in that namespace, with a `/proc` that can be written to, as [`build_tree`](crate::world::build_tree) leaves it.
/// A kind that the kernel does not know is left out.
///
/// # Errors
/// [`QuotaError::Namespace`].
pub fn close_unused() -> Result<(), QuotaError> {
    for path in UNUSED.map(|name| PathBuf::from("/proc/sys/user").join(name)) {
        match fs::write(&path, "0") {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            written => written.map_err(|source| QuotaError::Namespace { path, source })?,
        }
    }
    Ok(())
}

fn limit(limit: Resource) -> Result<(rlim_t, rlim_t), QuotaError> {
    getrlimit(limit).map_err(|source| QuotaError::Limit { limit, source })
}

/// Soft and hard, and never up: that would need `CAP_SYS_RESOURCE`.
fn lower(resource: Resource, most: rlim_t) -> Result<(), QuotaError> {
    let (_, hard) = limit(resource)?;
    let most = most.min(hard);
    set(resource, most, most)
}

fn set(limit: Resource, soft: rlim_t, hard: rlim_t) -> Result<(), QuotaError> {
    setrlimit(limit, soft, hard).map_err(|source| QuotaError::Limit { limit, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_keeps_a_message_and_a_half() {
        for (soft, wanted) in [(333, 16), (512, 195), (634, 317), (1024, 512), (1 << 20, 1 << 19)] {
            assert_eq!(spare(soft).ok(), Some(wanted), "{soft}");
        }
        for few in [0, 256, 332] {
            assert!(matches!(spare(few), Err(OpenFilesError::TooFew { needed: 333, .. })), "{few}");
        }
    }
}
