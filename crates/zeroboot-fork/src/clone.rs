//! The raw `clone3` call, and the part of libc's state that it leaves stale.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

/// `struct clone_args` of `clone3(2)`.
#[derive(Debug, Default)]
#[repr(C, align(8))]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

// libc has these two truncated to 32 bits.
const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

const fn flag(bits: libc::c_int) -> u64 {
    bits.unsigned_abs() as u64
}

/// What one `clone3` is to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) namespaces: u64,
    pub(crate) callers_parent: bool,
    pub(crate) clear_handlers: bool,
    pub(crate) cgroup: Option<BorrowedFd<'a>>,
}

/// What `clone3` answered: in the parent, pid and pidfd.
pub(crate) enum Cloned {
    Parent { pid: u32, pidfd: OwnedFd },
    Child,
}

/// Makes a child that is a copy of this process.
///
/// # Safety
/// As for `fork(2)`: the child has only this thread. With more than one, whatever another held is held for ever.
pub(crate) unsafe fn clone3(request: &Request<'_>, libc: &LibcState) -> Result<Cloned, Errno> {
    let mut pidfd: RawFd = -1;
    let mut args = CloneArgs {
        flags: flag(libc::CLONE_PIDFD)
            | flag(libc::CLONE_CHILD_SETTID)
            | flag(libc::CLONE_CHILD_CLEARTID)
            | request.namespaces,
        pidfd: &raw mut pidfd as u64,
        child_tid: libc.thread_id as u64,
        exit_signal: flag(libc::SIGCHLD),
        ..CloneArgs::default()
    };
    if request.callers_parent {
        args.flags |= flag(libc::CLONE_PARENT);
        // The kernel gives the child the caller's own exit signal, and refuses another.
        args.exit_signal = 0;
    }
    if request.clear_handlers {
        args.flags |= CLONE_CLEAR_SIGHAND;
    }
    if let Some(cgroup) = request.cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = u64::from(cgroup.as_raw_fd().unsigned_abs());
    }
    // SAFETY: the structure has the kernel's layout and lives through the call; `pidfd` is valid for writing, and the
    // thread id is libc's own word (see `LibcState`). No new stack: the child goes on here, on its copy of this one.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<CloneArgs>()) };
    if pid == 0 {
        return Ok(Cloned::Child);
    }
    let pid = u32::try_from(Errno::result(pid)?).map_err(|_| Errno::EPROTO)?;
    // SAFETY: the kernel has just given us this descriptor, and nobody else knows of it.
    Ok(Cloned::Parent { pid, pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) } })
}

/// Where libc keeps what a raw `clone3` leaves stale: the cached id of this thread, and its list of robust mutexes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LibcState {
    thread_id: *mut libc::pid_t,
    robust_list: *const libc::c_void,
    robust_length: usize,
}

impl LibcState {
    /// Finds both for the calling thread; `None` when the cached thread id is not found.
    pub(crate) fn find() -> Option<Self> {
        let thread_id = asked_thread_id().or_else(scanned_thread_id)?;
        let (robust_list, robust_length) = robust_list();
        Some(Self { thread_id, robust_list, robust_length })
    }

    /// The kernel forgets the list at a fork. One system call.
    pub(crate) fn register_robust_list(&self) -> Result<(), Errno> {
        if self.robust_list.is_null() {
            return Ok(());
        }
        // SAFETY: address and length are those that libc itself had registered for this thread.
        let result =
            unsafe { libc::syscall(libc::SYS_set_robust_list, self.robust_list, self.robust_length) };
        Errno::result(result).map(drop)
    }

    /// Whether the kernel's `CLONE_CHILD_SETTID` reached the word that libc looks at. One system call.
    pub(crate) fn thread_id_is_current(&self) -> bool {
        // SAFETY: found in this thread's own control block, which lives as long as the thread.
        unsafe { self.thread_id.read_volatile() == libc::gettid() }
    }
}

/// The word that libc registered by `set_tid_address(2)`: with glibc the cached id itself. Not asked for on faith:
/// another libc registers another word.
fn asked_thread_id() -> Option<*mut libc::pid_t> {
    let mut address: *mut libc::pid_t = std::ptr::null_mut();
    // SAFETY: `address` is valid for writing a pointer.
    let result = unsafe { libc::prctl(libc::PR_GET_TID_ADDRESS, &raw mut address) };
    if result != 0 || address.is_null() || !address.is_aligned() {
        return None;
    }
    // SAFETY: the kernel itself writes to this word when the thread ends: it is mapped.
    unsafe { (address.read_volatile() == libc::gettid()).then_some(address) }
}

/// The one word of this thread's control block that holds its id. On a kernel without `PR_GET_TID_ADDRESS`.
fn scanned_thread_id() -> Option<*mut libc::pid_t> {
    /// Shorter than the control block of glibc (2,304 bytes) and no longer than that of musl with its page.
    const WORDS: usize = 256;
    // SAFETY: no precondition.
    let (block, id) = unsafe { (libc::pthread_self() as *mut libc::pid_t, libc::gettid()) };
    let mut found = None;
    for index in 0..WORDS {
        // SAFETY: within this thread's control block, as said above.
        let word = unsafe { block.add(index) };
        // SAFETY: the same.
        if unsafe { word.read_volatile() } == id {
            if found.is_some() {
                return None;
            }
            found = Some(word);
        }
    }
    found
}

fn robust_list() -> (*const libc::c_void, usize) {
    let (mut head, mut length, this_thread) = (std::ptr::null(), 0_usize, 0);
    // SAFETY: head and length are valid for writing.
    let result =
        unsafe { libc::syscall(libc::SYS_get_robust_list, this_thread, &raw mut head, &raw mut length) };
    if result == 0 { (head, length) } else { (std::ptr::null(), 0) }
}
