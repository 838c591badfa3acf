//! Which limits a sandbox has met, as far as that can be seen from outside.
//!
//! A cgroup counts the processes that were refused. The kernel counts neither files that could not be opened nor writes that
//! found no room, so what is seen there is the state at the end of the work: a sandbox that has closed or removed what it had
//! too much of has met no limit. Never here: asking the sandbox.

use std::path::PathBuf;

use nix::sys::stat::stat;
use nix::sys::statfs::statfs;
use zeroboot_isolation::policy::Limits;
use zeroboot_isolation::world::HOME;

/// A limit that a sandbox has met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LimitMet {
    /// [`Limits::processes`]: its cgroup has refused it one.
    Processes,
    /// [`Limits::open_files`]: at the end of its work its first process had no descriptor left. Seen from Linux 6.2 on.
    OpenFiles,
    /// [`Limits::tmp`]: at the end of its work one of its private file systems was full.
    PrivateSpace,
}

impl LimitMet {
    /// The name of the limit in a policy file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Processes => "pids",
            Self::OpenFiles => "files",
            Self::PrivateSpace => "tmp",
        }
    }

    /// What it limits, in words.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Processes => "processes",
            Self::OpenFiles => "open files",
            Self::PrivateSpace => "private space",
        }
    }
}

/// What this sandbox has used up, by the number of its first process in this process's `/proc`, while it waits.
pub(super) fn used_up(pid: u32, limits: &Limits) -> Vec<LimitMet> {
    let root = PathBuf::from(format!("/proc/{pid}/root"));
    // Mount points of its own tree, which it cannot replace.
    let is_full = [HOME, "/tmp", "/dev/shm"].into_iter().any(|place| {
        statfs(&root.join(&place[1..])).is_ok_and(|found| {
            let no_room = found.blocks() > 0 && found.blocks_available() == 0;
            no_room || found.files() > 0 && found.files_free() == 0
        })
    });
    // The size of this directory is the number of descriptors; on older kernels it is 0.
    let open = stat(&PathBuf::from(format!("/proc/{pid}/fd"))).map(|found| found.st_size);
    let has_none_left =
        open.is_ok_and(|open| u64::try_from(open).is_ok_and(|open| open >= limits.open_files));
    let met = [(LimitMet::OpenFiles, has_none_left), (LimitMet::PrivateSpace, is_full)];
    met.into_iter().filter(|(_, is_met)| *is_met).map(|(limit, _)| limit).collect()
}
