//! What runs in the child before it is handed over: the room of the child rules.
//!
//! System calls only: no allocation, no lock, no formatting, no panic. Never here: preparation (that is
//! [`crate::ForkPlan`]), and anything about isolation.

pub(crate) mod heavy;

use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use crate::clone::LibcState;
use crate::plan::{SignalHandlers, Way};
use crate::step::{Hook, StepFailure, StepId};

/// The child's side of a fork: signals are still blocked, and what the way of forking leaves stale is not repaired yet.
///
/// The first thing to call is [`repair`](Self::repair); after it, [`restore_signals`](Self::restore_signals) when the
/// process is ready for them.
#[derive(Debug)]
#[must_use = "a fresh fork needs its repairs"]
pub struct InChild {
    pub(crate) libc: LibcState,
    pub(crate) way: Way,
    pub(crate) signals: SignalHandlers,
    pub(crate) mask: libc::sigset_t,
    /// What became of the copy of what the child will rewrite.
    pub(crate) copied: Result<(), Errno>,
    pub(crate) not_send: PhantomData<*const ()>,
}

impl InChild {
    /// Repairs what a fork by raw `clone3` leaves stale, and sets signal handlers to their defaults where asked. Tells of a copy of
    /// [write-heavy memory](crate::ForkPlan::set_write_heavy) that has failed half-way.
    ///
    /// # Errors
    /// The step and the errno; the process must then leave by `_exit`.
    ///
    /// # After fork
    /// System calls only.
    pub fn repair(&self) -> Result<(), StepFailure> {
        self.copied.map_err(|errno| StepFailure::new(StepId::WRITE_HEAVY, errno))?;
        if self.way == Way::Clone3 {
            self.libc.register_robust_list().map_err(|errno| StepFailure::new(StepId::ROBUST_LIST, errno))?;
            if !self.libc.thread_id_is_current() {
                return Err(StepFailure::new(StepId::THREAD_ID, Errno::EPROTO));
            }
        }
        // `clone3` has done it in the kernel.
        if self.way == Way::Libc && self.signals == SignalHandlers::Clear {
            clear_handlers().map_err(|errno| StepFailure::new(StepId::SIGNAL_HANDLERS, errno))?;
        }
        Ok(())
    }

    /// Puts the signal mask back that was in force before the fork.
    ///
    /// # Errors
    /// The step and the errno.
    ///
    /// # After fork
    /// One system call.
    pub fn restore_signals(&self) -> Result<(), StepFailure> {
        set_mask(&self.mask).map_err(|errno| StepFailure::new(StepId::SIGNAL_MASK, errno))
    }
}

/// What a started child writes: no failure.
pub(crate) const STARTED: StepFailure = StepFailure { step: StepId(0), errno: 0 };

/// The exit code of a child that could not start; its step tells why.
const FAILED: u8 = 125;

/// The child's side of [`ForkPlan::spawn`](crate::ForkPlan::spawn).
pub(crate) fn start(
    fresh: &InChild,
    (reader, writer): (OwnedFd, OwnedFd),
    hook: Hook<'_>,
    body: impl FnOnce() -> u8,
) -> ! {
    let _guard = LeaveOnUnwind;
    let started = fresh.repair().and_then(|()| hook()).and_then(|()| fresh.restore_signals());
    let told = tell(writer.as_fd(), &started.err().unwrap_or(STARTED).to_bytes());
    if started.is_err() || told.is_err() {
        leave(FAILED);
    }
    // Two system calls: user code shall not hold the pipe.
    drop((reader, writer));
    leave(body());
}

/// Leaves at once: no destructor, no exit handler, no flush. See `_exit(2)`.
///
/// # After fork
/// One system call: how a child that may not unwind ends.
pub fn leave(code: u8) -> ! {
    // SAFETY: ends the process; nothing after it runs.
    unsafe { libc::_exit(code.into()) }
}

/// Leaves if it is dropped, which happens only when a panic unwinds: it must not unwind into the copy of the parent's
/// frames.
pub(crate) struct LeaveOnUnwind;

impl LeaveOnUnwind {
    /// As Rust's own main thread after a panic.
    const CODE: u8 = 101;
}

impl Drop for LeaveOnUnwind {
    fn drop(&mut self) {
        leave(Self::CODE);
    }
}

/// Writes a few bytes; a pipe takes them whole.
pub(crate) fn tell(pipe: BorrowedFd<'_>, bytes: &[u8]) -> Result<(), Errno> {
    loop {
        match nix::unistd::write(pipe, bytes) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

pub(crate) fn set_mask(mask: &libc::sigset_t) -> Result<(), Errno> {
    // SAFETY: `mask` is valid for reading; the old mask is not asked for.
    let result = unsafe { libc::sigprocmask(libc::SIG_SETMASK, mask, std::ptr::null_mut()) };
    Errno::result(result).map(drop)
}

fn clear_handlers() -> Result<(), Errno> {
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: the default is a valid disposition for every signal.
        let before = unsafe { libc::signal(signal, libc::SIG_DFL) };
        // The two that cannot be changed, and those that libc keeps to itself, answer EINVAL.
        if before == libc::SIG_ERR && Errno::last() != Errno::EINVAL {
            return Err(Errno::last());
        }
    }
    Ok(())
}
