//! The parked shell: a tiny init with pid, ipc and mount namespaces of its own, made ahead of time, that waits for
//! a fork to join them.
//!
//! It is pid 1 there, so the sandbox is not: default signal actions work for the script, orphans are reaped and
//! accounted for, and the end of the init is the end of everything in the sandbox. [`ShellPlan::prepare`] may allocate;
//! [`ShellPlan::settle`] and [`ShellPlan::park`] run in the forked child and obey the child rules.
//!
//! Never here: the fork itself, anything about the process that joins, and what the init does while it is parked
//! (`crate::init`).

mod home;

use std::ffi::{CStr, CString, NulError};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use crate::cgroup::enter_namespace;
use crate::child::{Blocked, Failure, Step, close_range, keep_capabilities, set_signal_mask};
use crate::filter::{CompiledFilter, FilterError};
use crate::init;
use crate::landlock::{LandlockError, RulePlan};
use crate::loopback;
use crate::policy::{Network, Policy, Protection, UserId};
use crate::procfs;
use crate::template::prctl;
use crate::world::{OwnNames, Shown};
pub use home::HOME_DESCRIPTOR;
use home::{HomePlan, hold};

/// What one shell mounts, and the filter that it waits under.
#[derive(Debug)]
pub struct ShellPlan {
    /// Target and options of what is a tmpfs.
    mounts: [(&'static CStr, CString); 3],
    terminals: CString,
    names: Option<OwnNames>,
    home: HomePlan,
    user: UserId,
    network: Network,
    cgroup: CgroupRoot,
    landlock: Option<RulePlan>,
    filter: CompiledFilter,
}

/// What its sandbox takes for the root of all cgroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CgroupRoot {
    /// Its own cgroup.
    Own,
    /// What the template takes for it.
    Inherited,
}

/// Why a shell could not be planned. Each but the last is a mistake in this crate, or an architecture without support.
#[derive(Debug, thiserror::Error)]
pub enum ShellPlanError {
    /// Mount options that no C string can hold.
    #[error("the mount options of a shell hold a NUL byte")]
    Options(#[from] NulError),
    /// Compiling the init's filter.
    #[error("the filter of a shell's init does not compile")]
    Filter(#[from] FilterError),
    /// The rules of Landlock, which the policy requires.
    #[error(transparent)]
    Landlock(#[from] LandlockError),
}

/// A private file system has a file, directory or link for so many bytes of its size. Each takes about as much of the
/// kernel's memory, as do extended attributes, which count as such; none of that counts as size.
const BYTES_AN_INODE: u64 = 1 << 10;
const LEAST_INODES: u64 = 1 << 10;
const MOST_INODES: u64 = 1 << 16;

/// Terminals of its own: the host's are not among them, nor is one of a sibling. See `devpts` in `mount(8)`.
const TERMINALS: &str = "newinstance,ptmxmode=0666,mode=620";

/// How many pseudo-terminals a sandbox has. All of the machine's share one number (`kernel.pty.max`), of which the kernel
/// keeps some for the host (`kernel.pty.reserve`).
const MOST_TERMINALS: u32 = 16;

/// What a small file takes of a private file system.
fn page_size() -> u64 {
    // SAFETY: needed since the safe wrapper would take a feature of `nix` for this alone. No memory is passed.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(size).unwrap_or(4096)
}

/// How what a sandbox may write to is mounted.
const PRIVATE: libc::c_ulong = libc::MS_NOSUID | libc::MS_NODEV;

impl ShellPlan {
    /// Formats what [`settle`](Self::settle) mounts for a sandbox of this user, and compiles the filter that
    /// [`park`](Self::park) installs.
    ///
    /// # Errors
    /// [`ShellPlanError`].
    pub fn prepare(policy: &Policy, user: UserId) -> Result<Self, ShellPlanError> {
        let size = policy.limits.tmp.0;
        let inodes = (size / BYTES_AN_INODE).clamp(LEAST_INODES, MOST_INODES);
        let id = user.0;
        let names = OwnNames::prepare(user);
        let shared =
            |size: u64, inodes: u64| CString::new(format!("mode=1777,size={size},nr_inodes={inodes}"));
        // What lies there without a name is not the sandbox's.
        let files = procfs::UPTIME_FILES + if names.is_some() { OwnNames::FILES } else { 0 };
        let home = CString::new(format!("mode=700,uid={id},gid={id},size={size},nr_inodes={inodes}"))?;
        Ok(Self {
            mounts: [
                (c"/home/sandbox", home),
                (c"/tmp", shared(size, inodes)?),
                (c"/dev/shm", shared(size.saturating_add(files * page_size()), inodes + files)?),
            ],
            terminals: CString::new(format!("{TERMINALS},max={MOST_TERMINALS}"))?,
            names,
            home: HomePlan::default(),
            user,
            network: policy.network,
            cgroup: match policy.protections.wants(Protection::CgroupNamespace) {
                true => CgroupRoot::Own,
                false => CgroupRoot::Inherited,
            },
            landlock: RulePlan::new(policy)?,
            filter: CompiledFilter::shell()?,
        })
    }

    /// What it shows at and below the private file systems: see [`build_tree`](crate::world::build_tree).
    ///
    /// # Errors
    /// [`ShellPlanError::Options`].
    pub fn showing(mut self, shown: &Shown) -> Result<Self, ShellPlanError> {
        self.home = HomePlan::prepare(shown, self.user)?;
        Ok(self)
    }

    /// Makes the cgroup that it is in the root of what its sandbox sees, mounts the private file systems, and makes the
    /// calling process a quiet init: all signals are blocked, it holds no capability but to end what is in its sandbox
    /// (`CAP_KILL`), and no descriptor but `keep`, [`HOME_DESCRIPTOR`], and the Landlock rules of its sandbox, if there are
    /// to be any.
    ///
    /// It becomes dumpable, which the warden may have ceased to be when it changed its user id: whoever joins must be
    /// allowed to look at it (see [`Place::shell`](crate::child::Place::shell)).
    ///
    /// # Errors
    /// The step and the errno; the process must then leave by `_exit`.
    ///
    /// # After fork
    /// System calls only. The caller is the first process of new pid, ipc and mount namespaces. Every other
    /// descriptor is closed under its owner, so none may be dropped afterwards: the caller writes into `keep` that
    /// the shell is settled, sends the rules with it, and goes on to [`park`](Self::park).
    pub fn settle(&self, keep: BorrowedFd<'_>) -> Result<Option<OwnedFd>, Failure> {
        let at = |step| move |errno| Failure::new(step, errno);
        if self.cgroup == CgroupRoot::Own {
            enter_namespace().map_err(at(Step::CgroupNamespace))?;
        }
        if self.network == Network::Loopback {
            loopback::raise().map_err(at(Step::Network))?;
            // While the warden's `/proc` is seen: the shell's own cannot be written to.
            loopback::bound_memory().map_err(at(Step::NetworkMemory))?;
        }
        let home = self.mount_all().map_err(at(Step::Mount))?;
        set_signal_mask(Blocked::All).map_err(at(Step::Signals))?;
        keep_capabilities(init::CAPABILITIES).map_err(at(Step::Capabilities))?;
        prctl(libc::PR_SET_DUMPABLE, 1).map_err(at(Step::Dumpable))?;
        hold(home).and_then(|()| close_all_but(keep)).map_err(at(Step::CloseOthers))?;
        self.landlock.map(|plan| plan.make().map_err(at(Step::Landlock))).transpose()
    }

    /// Gives the directory of [`HOME_DESCRIPTOR`].
    fn mount_all(&self) -> Result<OwnedFd, Errno> {
        let [home, temporary, shared] = &self.mounts;
        let mount_one = |(target, options): &(&CStr, CString)| mount(c"tmpfs", target, PRIVATE, options);
        mount_one(home)?;
        let held = self.home.mount_home()?;
        mount_one(temporary)?;
        self.home.attach_views()?;
        // It hides what the two before have taken from there.
        mount_one(shared)?;
        // Terminals are devices.
        mount(c"devpts", c"/dev/pts", libc::MS_NOSUID | libc::MS_NOEXEC, &self.terminals)?;
        if let Some(names) = &self.names {
            names.settle()?;
        }
        procfs::show()?;
        Ok(held)
    }

    /// Installs the init's filter, closes every descriptor but [`HOME_DESCRIPTOR`], and reaps orphans until it is asked to end the sandbox, or
    /// killed: see `crate::init`. It returns only where the filter cannot be installed; the process must then say so and
    /// leave by `_exit`.
    ///
    /// The descriptors close *after* the filter holds. Who reads from the other side of `settle`'s `keep` until the
    /// end of file, and hears nothing, therefore knows that nothing can borrow this process any more.
    ///
    /// # After fork
    /// System calls only, in a process that [settled](Self::settle).
    pub fn park(&self) -> Failure {
        if let Err(errno) = prctl(libc::PR_SET_NO_NEW_PRIVS, 1).and_then(|()| self.filter.install()) {
            return Failure::new(Step::Filter, errno);
        }
        // It cannot fail: the range is valid, and a kernel without the call has failed in `settle`.
        let _ = close_range(HOME_DESCRIPTOR.unsigned_abs() + 1, libc::c_uint::MAX);
        init::serve()
    }
}

/// # After fork
/// One system call: allowed in the child.
pub(crate) fn mount(kind: &CStr, target: &CStr, flags: libc::c_ulong, options: &CStr) -> Result<(), Errno> {
    // SAFETY: needed since `nix`'s wrapper may allocate for a long path, which is forbidden here. All four are valid
    // C strings that live through the call.
    let result =
        unsafe { libc::mount(kind.as_ptr(), target.as_ptr(), kind.as_ptr(), flags, options.as_ptr().cast()) };
    Errno::result(result).map(drop)
}

/// All but this and [`HOME_DESCRIPTOR`].
fn close_all_but(keep: BorrowedFd<'_>) -> Result<(), Errno> {
    // Descriptors are never negative.
    let (home, keep) = (HOME_DESCRIPTOR.unsigned_abs(), keep.as_raw_fd().unsigned_abs());
    if keep > home + 1 {
        close_range(home + 1, keep - 1)?;
    }
    close_range(keep + 1, libc::c_uint::MAX)
}
