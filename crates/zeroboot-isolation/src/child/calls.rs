//! The system calls behind the steps: nothing here allocates, locks or formats.

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use nix::errno::Errno;
use nix::sys::resource::Resource;

use super::CHANNEL;
use crate::policy::UserId;
use crate::template::{ask, prctl};

/// Empties the ambient, effective, permitted and inheritable sets of the calling thread. See `capabilities(7)`.
///
/// # Errors
/// What the kernel answered; giving up a capability is not expected to fail.
///
/// # After fork
/// Two system calls: allowed in the child.
pub fn drop_capabilities() -> Result<(), Errno> {
    prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as libc::c_ulong)?;
    let (header, none) = (THIS_THREAD, [CapabilityData::default(); 2]);
    // SAFETY: libc has no wrapper for this call. Header and data have the kernel's layout for version 3 (two halves)
    // and live through the call; the kernel only reads them.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, none.as_ptr()) };
    Errno::result(result).map(drop)
}

/// `struct __user_cap_header_struct`.
#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: libc::c_int,
}

const THIS_THREAD: CapabilityHeader = CapabilityHeader { version: 0x2008_0522, pid: 0 };

/// `struct __user_cap_data_struct`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
struct CapabilityData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

pub(super) fn join_mount_and_ipc(shell: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: no memory is passed.
    Errno::result(unsafe { libc::setns(shell.as_raw_fd(), libc::CLONE_NEWNS | libc::CLONE_NEWIPC) }).map(drop)
}

pub(super) fn new_session() -> Result<(), Errno> {
    // SAFETY: no memory is passed.
    Errno::result(unsafe { libc::setsid() }).map(drop)
}

pub(super) fn set_limit(resource: Resource, limit: &libc::rlimit) -> Result<(), Errno> {
    // SAFETY: `limit` is valid for reading. `nix`'s wrapper is the same call; this one keeps the soft and the hard
    // value together, ready-made.
    Errno::result(unsafe { libc::setrlimit(resource as _, limit) }).map(drop)
}

// The three below go around libc: its functions make every thread follow, by a handler and a lock; a fresh fork has
// one thread, and the child rules forbid the lock.

pub(super) fn no_groups() -> Result<(), Errno> {
    let none: libc::size_t = 0;
    // SAFETY: with a length of zero the list is not read.
    let result = unsafe { libc::syscall(libc::SYS_setgroups, none, std::ptr::null::<libc::gid_t>()) };
    Errno::result(result).map(drop)
}

pub(super) fn take_group(user: UserId) -> Result<(), Errno> {
    // SAFETY: no memory is passed.
    Errno::result(unsafe { libc::syscall(libc::SYS_setresgid, user.0, user.0, user.0) }).map(drop)
}

pub(super) fn take_user(user: UserId) -> Result<(), Errno> {
    // SAFETY: no memory is passed.
    Errno::result(unsafe { libc::syscall(libc::SYS_setresuid, user.0, user.0, user.0) }).map(drop)
}

pub(super) fn enter_home() -> Result<(), Errno> {
    // SAFETY: a C string with static lifetime.
    Errno::result(unsafe { libc::chdir(HOME.as_ptr()) }).map(drop)
}

/// [`crate::world::HOME`] as a C string.
const HOME: &std::ffi::CStr = c"/home/sandbox";

/// Moves the sources to 0, 1, 2 and 3, in this order, whatever they are now.
pub(super) fn place_descriptors(mut sources: [RawFd; 4]) -> Result<(), Errno> {
    // A source below 4 could be overwritten before its turn: those move up first, all of them.
    for source in &mut sources {
        if *source <= CHANNEL {
            // SAFETY: no memory is passed; the new descriptor is closed with all others above the channel.
            *source = Errno::result(unsafe { libc::fcntl(*source, libc::F_DUPFD_CLOEXEC, CHANNEL + 1) })?;
        }
    }
    for (source, target) in sources.into_iter().zip(0..=CHANNEL) {
        let flags = if target == CHANNEL { libc::O_CLOEXEC } else { 0 };
        // SAFETY: no memory is passed. What lay at `target` was one of the sources, which has moved, or belongs to
        // the template's code, which never runs in this process again.
        Errno::result(unsafe { libc::dup3(source, target, flags) })?;
    }
    Ok(())
}

pub(super) fn close_others() -> Result<(), Errno> {
    let (first, last, no_flags) = (CHANNEL + 1, libc::c_uint::MAX, 0);
    // SAFETY: no memory is passed. The owners of these descriptors are the template's code, which never runs in this
    // process again. The raw call, since older C libraries have no wrapper.
    Errno::result(unsafe { libc::syscall(libc::SYS_close_range, first, last, no_flags) }).map(drop)
}

pub(super) fn unblock_signals() -> Result<(), Errno> {
    // SAFETY: an all-zero set is a valid value, and `sigemptyset` then makes it the empty one.
    let mut none: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `none` is valid for writing and then for reading; the old set is not asked for.
    let result = unsafe {
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut())
    };
    Errno::result(result).map(drop)
}

/// Asks the kernel whether `no_new_privs`, a filter, and empty capability sets hold. `EPROTO` if one does not.
pub(super) fn read_back() -> Result<(), Errno> {
    let mut header = THIS_THREAD;
    let mut held = [CapabilityData { effective: 1, permitted: 1, inheritable: 1 }; 2];
    // SAFETY: libc has no wrapper for this call. Header and data have the kernel's layout for version 3 and live
    // through the call; the kernel writes the two halves of `held`.
    Errno::result(unsafe { libc::syscall(libc::SYS_capget, &raw mut header, held.as_mut_ptr()) })?;
    let filtered = ask(libc::PR_GET_SECCOMP, 0)? == 2;
    let bound = ask(libc::PR_GET_NO_NEW_PRIVS, 0)? == 1;
    let dumpable = ask(libc::PR_GET_DUMPABLE, 0)? != 0;
    if filtered && bound && !dumpable && held == [CapabilityData::default(); 2] {
        Ok(())
    } else {
        Err(Errno::EPROTO)
    }
}
