//! Who the warden, the template and the sandboxes are: the user namespace and its maps.

use std::fs;
use std::io;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::unistd::{Gid, Uid};

use super::clock::boot_now;
use super::lending::IdRange;
use crate::policy::{Protection, Protections, UserId};

/// The user and group id of the template inside its user namespace.
///
/// Not 0: a script that believes to be root tries things (changing owners, for one) that then fail in odd ways.
pub const TEMPLATE_USER: UserId = UserId(1000);

/// Why the warden did not get its namespaces.
#[derive(Debug, thiserror::Error)]
pub enum UnshareError {
    /// A limit on namespaces is reached.
    #[error(
        "no more namespaces: a limit in /proc/sys/user/ is reached (raise max_user_namespaces and its neighbours)"
    )]
    Limit(#[source] Errno),
    /// The kernel, or a security module, forbids it.
    #[error(
        "creating a user namespace is forbidden here (on Ubuntu: an AppArmor profile or \
         kernel.apparmor_restrict_unprivileged_userns=0; in a container: allow unshare in its filter)"
    )]
    Forbidden(#[source] Errno),
    /// The kernel is built without one of the namespaces, or a container's filter hides the call.
    #[error(
        "this kernel lacks a namespace (it needs CONFIG_USER_NS, PID_NS, IPC_NS, UTS_NS and NET_NS; in a container: allow \
         unshare in its filter)"
    )]
    Absent(#[source] Errno),
    /// Something else went wrong.
    #[error("the kernel did not create the namespaces")]
    Unshare(#[source] Errno),
    /// The host name could not be set.
    #[error("setting the host name of the new namespace failed")]
    HostName(#[source] Errno),
}

/// Gives the calling process new user, mount and ipc namespaces, those of network and host name that are wanted, and its
/// *next child* a new pid namespace and, where the kernel has those, a time namespace; a new host name is `sandbox`. The namespace of cgroups comes later, by
/// [`enter_namespace`](crate::cgroup::enter_namespace). See `unshare(2)`, `user_namespaces(7)`.
///
/// # Errors
/// [`UnshareError`], with a remedy where the cause is known. Nothing is undone: leave the process.
pub fn unshare(wanted: Protections) -> Result<(), UnshareError> {
    let mut flags = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC;
    for (protection, flag) in [
        (Protection::UtsNamespace, CloneFlags::CLONE_NEWUTS),
        (Protection::NetNamespace, CloneFlags::CLONE_NEWNET),
    ] {
        flags.set(flag, wanted.wants(protection));
    }
    nix::sched::unshare(flags).map_err(|errno| match errno {
        Errno::ENOSPC => UnshareError::Limit(errno),
        Errno::EPERM | Errno::EACCES => UnshareError::Forbidden(errno),
        Errno::EINVAL | Errno::ENOSYS => UnshareError::Absent(errno),
        other => UnshareError::Unshare(other),
    })?;
    boot_now();
    if wanted.wants(Protection::UtsNamespace) {
        nix::unistd::sethostname("sandbox").map_err(UnshareError::HostName)?;
    }
    Ok(())
}

/// How the ids of the new user namespace map to the host's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdMap {
    /// A root host lends a range: each sandbox can have a user id of its own.
    Range(IdRange),
    /// An ordinary user can only lend itself: every sandbox runs as that one id.
    Single,
}

/// Why the maps of a user namespace could not be written. See `user_namespaces(7)`.
#[derive(Debug, thiserror::Error)]
#[error("writing {} failed", path.display())]
pub struct IdMapError {
    /// The file.
    pub path: PathBuf,
    /// What the kernel answered.
    #[source]
    pub source: io::Error,
}

impl IdMap {
    /// The template's user and group id as this process sees it, where it is not its own.
    #[must_use]
    pub(crate) fn template_on_host(self) -> Option<u32> {
        match self {
            Self::Range(range) => Some(range.first() + TEMPLATE_USER.0),
            Self::Single => None,
        }
    }

    /// Writes the maps of process `pid` (as this process sees it), which has just unshared its user namespace.
    ///
    /// # Errors
    /// [`IdMapError`] names the file.
    pub fn write(self, pid: u32) -> Result<(), IdMapError> {
        let (uids, gids) = match self {
            Self::Range(range) => {
                let line = format!("0 {} {}\n", range.first(), IdRange::LENGTH);
                (line.clone(), line)
            }
            Self::Single => (
                format!("{} {} 1\n", TEMPLATE_USER.0, Uid::effective()),
                format!("{} {} 1\n", TEMPLATE_USER.0, Gid::effective()),
            ),
        };
        if self == Self::Single {
            put(pid, "setgroups", "deny")?;
        }
        put(pid, "gid_map", &gids)?;
        put(pid, "uid_map", &uids)
    }
}

pub(super) fn put(pid: u32, file: &str, text: &str) -> Result<(), IdMapError> {
    let path = PathBuf::from(format!("/proc/{pid}/{file}"));
    fs::write(&path, text).map_err(|source| IdMapError { path, source })
}

/// Why a capability could not be lent.
#[derive(Debug, thiserror::Error)]
#[error("lending capabilities to the template failed")]
pub struct LendError(#[from] caps::errors::CapsError);

/// Lets the next program that this process executes keep the capabilities which a template needs, by way of the
/// ambient set: a user id other than 0 loses everything else at `execve`. See `capabilities(7)`.
///
/// # Errors
/// [`LendError`]: what the kernel or the parser of `/proc` answered.
pub fn lend_capabilities() -> Result<(), LendError> {
    for capability in crate::template::KEPT {
        caps::raise(None, caps::CapSet::Inheritable, capability)?;
        caps::raise(None, caps::CapSet::Ambient, capability)?;
    }
    Ok(())
}
