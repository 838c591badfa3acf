//! What a shell's init runs after its fork. Bound by the child rules: system calls only, and no return.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use zeroboot_fork::{InChild, StepFailure, StepId, fd, leave};
use zeroboot_isolation::child::Failure;
use zeroboot_isolation::shell::ShellPlan;

/// The packet that a settled shell sends, with its rules.
pub(super) const SETTLED: u8 = b's';

/// Becomes a parked shell; says so, or what failed, over the socket.
pub(super) fn become_shell(fresh: &InChild, plan: &ShellPlan, socket: OwnedFd) -> ! {
    let settled = fresh.repair().and_then(|()| plan.settle(socket.as_fd()).map_err(in_general));
    // When nobody listens any more the warden is gone, and this process with it.
    match settled {
        Ok(Some(rules)) => drop(fd::send(socket.as_fd(), &[SETTLED], &[rules.as_fd()])),
        Ok(None) => drop(fd::send(socket.as_fd(), &[SETTLED], &[])),
        Err(failure) => refuse(&socket, failure),
    }
    let failure = plan.park();
    refuse(&socket, in_general(failure))
}

/// Lives until every other process has closed the writing end, or ended.
pub(super) fn wait_for_the_end(reading: BorrowedFd<'_>, writing: OwnedFd) -> ! {
    drop(writing);
    // Nothing is ever written: it returns at the end of the file, or by a signal, and both are the end.
    let _ = nix::unistd::read(reading, &mut [0]);
    leave(0)
}

fn in_general(failure: Failure) -> StepFailure {
    StepFailure { step: StepId(failure.step.id()), errno: failure.errno }
}

fn refuse(socket: &OwnedFd, failure: StepFailure) -> ! {
    let _ = fd::send(socket.as_fd(), &failure.to_bytes(), &[]);
    leave(1)
}
