//! What a shell's init runs after its fork. Bound by the child rules: system calls only, and no return.

use std::os::fd::{AsFd, OwnedFd};

use zeroboot_fork::{InChild, StepFailure, StepId, leave};
use zeroboot_isolation::shell::ShellPlan;

/// The byte that a settled shell writes.
pub(super) const SETTLED: u8 = b's';

/// Becomes a parked shell; says so, or what failed, over the pipe.
pub(super) fn become_shell(fresh: &InChild, plan: &ShellPlan, pipe: OwnedFd) -> ! {
    let settled = fresh.repair().and_then(|()| {
        plan.settle(pipe.as_fd())
            .map_err(|failure| StepFailure { step: StepId(failure.step.id()), errno: failure.errno })
    });
    match settled {
        Ok(()) => {
            // When nobody reads any more the warden is gone, and this process with it.
            let _ = nix::unistd::write(&pipe, &[SETTLED]);
            std::mem::forget(pipe);
            plan.park()
        }
        Err(failure) => {
            let _ = nix::unistd::write(&pipe, &failure.to_bytes());
            leave(1)
        }
    }
}
