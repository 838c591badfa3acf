//! The system calls behind the steps: nothing here allocates, locks or formats.

use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, RawFd};

use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::sys::resource::Resource;

use super::CHANNEL;
use crate::policy::{Network, Protection, Protections, UserId};
use crate::template::{ask, prctl};

/// Empties the ambient, effective, permitted and inheritable sets of the calling thread. See `capabilities(7)`.
///
/// # Errors
/// What the kernel answered; giving up a capability is not expected to fail.
///
/// # After fork
/// Two system calls: allowed in the child.
pub fn drop_capabilities() -> Result<(), Errno> {
    keep_capabilities(0)
}

/// As [`drop_capabilities`], but for those of the first 32 whose bits are set here, which stay permitted and effective.
pub(crate) fn keep_capabilities(bits: u32) -> Result<(), Errno> {
    prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as libc::c_ulong)?;
    let low = CapabilityData { effective: bits, permitted: bits, inheritable: 0 };
    let (header, kept) = (THIS_THREAD, [low, CapabilityData::default()]);
    // SAFETY: needed since libc has no wrapper for this call. Header and data have the kernel's layout for version 3
    // (two halves) and live through the call; the kernel only reads them.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, kept.as_ptr()) };
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

pub(super) fn join(shell: BorrowedFd<'_>, network: Network, protections: &Protections) -> Result<(), Errno> {
    let mut own = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWIPC;
    own.set(CloneFlags::CLONE_NEWNET, network == Network::Loopback);
    own.set(CloneFlags::CLONE_NEWCGROUP, protections.wants(Protection::CgroupNamespace));
    nix::sched::setns(shell, own)
}

pub(super) fn new_session() -> Result<(), Errno> {
    nix::unistd::setsid().map(drop)
}

pub(super) fn set_limit(resource: Resource, limit: &libc::rlimit) -> Result<(), Errno> {
    nix::sys::resource::setrlimit(resource, limit.rlim_cur, limit.rlim_max)
}

// The three below go around libc: its functions make every thread follow, by a handler and a lock; a fresh fork has
// one thread, and the child rules forbid the lock.

pub(super) fn no_groups() -> Result<(), Errno> {
    let none: libc::size_t = 0;
    // SAFETY: needed for the reason above. With a length of zero the list is not read.
    let result = unsafe { libc::syscall(libc::SYS_setgroups, none, std::ptr::null::<libc::gid_t>()) };
    Errno::result(result).map(drop)
}

pub(super) fn take_group(user: UserId) -> Result<(), Errno> {
    // SAFETY: needed for the reason above. No memory is passed.
    Errno::result(unsafe { libc::syscall(libc::SYS_setresgid, user.0, user.0, user.0) }).map(drop)
}

pub(super) fn take_user(user: UserId) -> Result<(), Errno> {
    // SAFETY: needed for the reason above. No memory is passed.
    Errno::result(unsafe { libc::syscall(libc::SYS_setresuid, user.0, user.0, user.0) }).map(drop)
}

pub(super) fn enter_home() -> Result<(), Errno> {
    // A C string: for one, `nix` neither allocates nor copies.
    nix::unistd::chdir(HOME)
}

/// [`crate::world::HOME`] as a C string.
const HOME: &std::ffi::CStr = c"/home/sandbox";

/// Moves the sources to 0, 1, 2 and 3, in this order, whatever they are now.
pub(super) fn place_descriptors(mut sources: [RawFd; 4]) -> Result<(), Errno> {
    // A source below 4 could be overwritten before its turn: those move up first, all of them.
    for source in &mut sources {
        if *source <= CHANNEL {
            // SAFETY: needed since an owner would close the copy too early. No memory is passed; the copy is closed
            // with all others above the channel.
            *source = Errno::result(unsafe { libc::fcntl(*source, libc::F_DUPFD_CLOEXEC, CHANNEL + 1) })?;
        }
    }
    for (source, target) in sources.into_iter().zip(0..=CHANNEL) {
        let flags = if target == CHANNEL { libc::O_CLOEXEC } else { 0 };
        // SAFETY: needed since `nix` wants an owner of the target. No memory is passed. What lay there was one of the
        // sources, which has moved, or belongs to the template's code, which never runs in this process again.
        Errno::result(unsafe { libc::dup3(source, target, flags) })?;
    }
    Ok(())
}

/// Closes the descriptors from `first` to `last`, both included. See `close_range(2)`, Linux 5.9.
pub(crate) fn close_range(first: libc::c_uint, last: libc::c_uint) -> Result<(), Errno> {
    let no_flags: libc::c_uint = 0;
    // SAFETY: needed since older C libraries have no wrapper. No memory is passed. The owners of these descriptors
    // are code of the process before the fork, which never runs in this one again.
    Errno::result(unsafe { libc::syscall(libc::SYS_close_range, first, last, no_flags) }).map(drop)
}

/// Which signals are blocked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blocked {
    None,
    All,
}

pub(crate) fn set_signal_mask(blocked: Blocked) -> Result<(), Errno> {
    let mut mask = MaybeUninit::uninit();
    // SAFETY: needed since libc's sets are opaque. Either call initialises the whole set, which is only read
    // afterwards; the old set is not asked for.
    let result = unsafe {
        match blocked {
            Blocked::None => libc::sigemptyset(mask.as_mut_ptr()),
            Blocked::All => libc::sigfillset(mask.as_mut_ptr()),
        };
        libc::sigprocmask(libc::SIG_SETMASK, mask.as_ptr(), std::ptr::null_mut())
    };
    Errno::result(result).map(drop)
}

/// Asks the kernel whether `no_new_privs`, not being dumpable, and the wanted ones of filter and empty capability sets
/// hold. `EPROTO` if one does not.
pub(super) fn read_back(wanted: Protections) -> Result<(), Errno> {
    let mut header = THIS_THREAD;
    let mut held = [CapabilityData { effective: 1, permitted: 1, inheritable: 1 }; 2];
    // SAFETY: needed since libc has no wrapper for this call. Header and data have the kernel's layout for version 3
    // and live through the call; the kernel writes the two halves of `held`.
    Errno::result(unsafe { libc::syscall(libc::SYS_capget, &raw mut header, held.as_mut_ptr()) })?;
    let holds = [
        (Protection::Capabilities, held == [CapabilityData::default(); 2]),
        (Protection::Filter, ask(libc::PR_GET_SECCOMP, 0)? == 2),
    ];
    let bound = ask(libc::PR_GET_NO_NEW_PRIVS, 0)? == 1;
    let dumpable = ask(libc::PR_GET_DUMPABLE, 0)? != 0;
    if bound && !dumpable && holds.into_iter().all(|(protection, holds)| holds || !wanted.wants(protection)) {
        Ok(())
    } else {
        Err(Errno::EPROTO)
    }
}
