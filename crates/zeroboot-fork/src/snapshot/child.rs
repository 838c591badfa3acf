//! What the child of a snapshot does before ordinary code runs in it: system calls only.
//!
//! Never here: serialising, and telling the parent.

use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::ptr;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;

use super::Priority;
use crate::child::{InChild, leave};
use crate::step::{StepFailure, StepId};

/// Makes a fresh fork one in which a serialiser may run.
pub(super) fn settle(fresh: &InChild, parent: BorrowedFd<'_>, priority: Priority) -> Result<(), StepFailure> {
    fresh.repair()?;
    die_with(parent).map_err(|errno| StepFailure::new(StepId::DEATH_SIGNAL, errno))?;
    forget_handlers().map_err(|errno| StepFailure::new(StepId::SIGNAL_HANDLERS, errno))?;
    if priority == Priority::Lowest {
        stand_back().map_err(|errno| StepFailure::new(StepId::PRIORITY, errno))?;
    }
    fresh.restore_signals()
}

/// Asks for the death signal, and leaves at once if the parent was gone before.
fn die_with(parent: BorrowedFd<'_>) -> Result<(), Errno> {
    set_pdeathsig(Signal::SIGKILL)?;
    let mut fds = [PollFd::new(parent, PollFlags::POLLIN)];
    if poll(&mut fds, PollTimeout::ZERO)? > 0 {
        leave(0);
    }
    Ok(())
}

/// The parent's handlers would write to the parent's pipes, and the like. What is ignored stays ignored.
fn forget_handlers() -> Result<(), Errno> {
    for signal in 1..=libc::SIGRTMAX() {
        let mut found = MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: only asks; `found` is valid for writing.
        match Errno::result(unsafe { libc::sigaction(signal, ptr::null(), found.as_mut_ptr()) }) {
            Ok(_) => {}
            // Those that libc keeps to itself.
            Err(Errno::EINVAL) => continue,
            Err(errno) => return Err(errno),
        }
        // SAFETY: the call has succeeded and filled it.
        let handler = unsafe { found.assume_init() }.sa_sigaction;
        if handler != libc::SIG_IGN && handler != libc::SIG_DFL {
            set(signal, libc::SIG_DFL)?;
        }
    }
    // A file that may not grow is an error then, which can be told.
    set(libc::SIGXFSZ, libc::SIG_IGN)
}

fn set(signal: libc::c_int, disposition: libc::sighandler_t) -> Result<(), Errno> {
    // SAFETY: needed since signals have no safe wrapper that takes any number. Both dispositions are valid for every signal
    // that has a handler.
    if unsafe { libc::signal(signal, disposition) } == libc::SIG_ERR { Err(Errno::last()) } else { Ok(()) }
}

fn stand_back() -> Result<(), Errno> {
    const LOWEST: libc::c_int = 19;
    let this_process = 0;
    // SAFETY: no memory is passed; neither std nor nix has it.
    Errno::result(unsafe { libc::setpriority(libc::PRIO_PROCESS, this_process, LOWEST) }).map(drop)
}
