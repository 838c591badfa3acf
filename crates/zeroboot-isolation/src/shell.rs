//! The parked shell: a tiny init with pid, ipc and mount namespaces of its own, made ahead of time, that waits for
//! a fork to join them.
//!
//! It is pid 1 there, so the sandbox is not: default signal actions work for the script, orphans are reaped, and
//! killing the init ends everything in the sandbox. [`ShellPlan::prepare`] may allocate; [`ShellPlan::settle`] and
//! [`idle`] run in the forked child and obey the child rules.
//!
//! Never here: the fork itself, and anything about the process that joins.

use std::ffi::{CStr, CString};

use nix::errno::Errno;

use crate::child::{Failure, Step};
use crate::policy::{Policy, UserId};

/// File systems of one shell: type, target, options.
#[derive(Debug)]
pub struct ShellPlan {
    mounts: [(&'static CStr, &'static CStr, CString); 4],
}

/// Options that hold a byte which no C string can hold.
#[derive(Debug, thiserror::Error)]
#[error("the mount options of a shell hold a NUL byte")]
pub struct ShellPlanError;

impl ShellPlan {
    /// Formats what [`settle`](Self::settle) mounts for a sandbox of this user.
    ///
    /// # Errors
    /// [`ShellPlanError`].
    pub fn prepare(policy: &Policy, user: UserId) -> Result<Self, ShellPlanError> {
        let size = policy.limits.tmp.0;
        let id = user.0;
        let shared = format!("mode=1777,size={size},nr_inodes=65536");
        let home = format!("mode=700,uid={id},gid={id},size={size},nr_inodes=65536");
        let c = |text: &str| CString::new(text).map_err(|_| ShellPlanError);
        Ok(Self {
            mounts: [
                (c"tmpfs", c"/tmp", c(&shared)?),
                (c"tmpfs", c"/dev/shm", c(&shared)?),
                (c"tmpfs", c"/home/sandbox", c(&home)?),
                (c"proc", c"/proc", c("")?),
            ],
        })
    }

    /// Mounts the private file systems, and makes the calling process a quiet init: its children are reaped by the
    /// kernel, and it holds no capability.
    ///
    /// # Errors
    /// The step and the errno; the process must then leave by `_exit`.
    ///
    /// # After fork
    /// System calls only. The caller is the first process of new pid, ipc and mount namespaces.
    pub fn settle(&self) -> Result<(), Failure> {
        for (kind, target, options) in &self.mounts {
            mount(kind, target, options).map_err(|errno| Failure::new(Step::Mount, errno))?;
        }
        ignore_children().map_err(|errno| Failure::new(Step::Signals, errno))?;
        crate::child::drop_capabilities().map_err(|errno| Failure::new(Step::Capabilities, errno))
    }
}

/// Waits for ever. The process ends when something outside its pid namespace kills it.
pub fn idle() -> ! {
    loop {
        // SAFETY: `pause` has no preconditions; the wrapper of `nix` would be the same call.
        unsafe { libc::pause() };
    }
}

fn mount(kind: &CStr, target: &CStr, options: &CStr) -> Result<(), Errno> {
    let mut flags = libc::MS_NOSUID | libc::MS_NODEV;
    if kind == c"proc" {
        flags |= libc::MS_NOEXEC;
    }
    // SAFETY: all four are valid C strings that live through the call. `nix`'s wrapper may allocate for a long path,
    // which is forbidden here.
    let result =
        unsafe { libc::mount(kind.as_ptr(), target.as_ptr(), kind.as_ptr(), flags, options.as_ptr().cast()) };
    Errno::result(result).map(drop)
}

/// With `SIGCHLD` ignored the kernel reaps children, orphans that the init inherits included: no loop, no wake-up.
fn ignore_children() -> Result<(), Errno> {
    // SAFETY: SIG_IGN is a valid disposition, and no Rust code relies on SIGCHLD in this process.
    let before = unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    if before == libc::SIG_ERR { Err(Errno::last()) } else { Ok(()) }
}
