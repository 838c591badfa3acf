//! Parking shells: each in its own pid, mount and ipc namespaces, each for a sandbox with a user id of its own.

use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use zeroboot_fork::{ForkOptions, ForkPlan, Forked, Namespaces, SignalHandlers, StepFailure};
use zeroboot_isolation::policy::{Bytes, Policy, UserId};
use zeroboot_isolation::shell::ShellPlan;
use zeroboot_isolation::world::TEMPLATE_USER;

use super::child::{SETTLED, become_shell};
use super::{WardenError, failed};
use crate::protocol::Setup;

/// The first user id of a sandbox, where each has its own.
const FIRST_USER: u32 = 10_000;

/// How many user ids are used before the first one comes again: a thousand times more than sandboxes can live at once.
const USERS: u32 = 50_000;

/// What makes shells.
#[derive(Debug)]
pub(super) struct Parking {
    fork: ForkPlan,
    policy: Policy,
    range: bool,
    next: u64,
}

/// A shell that waits.
#[derive(Debug)]
pub(super) struct Parked {
    pub(super) number: u64,
    pub(super) user: UserId,
    pub(super) pid: u32,
    pub(super) pidfd: OwnedFd,
}

impl Parking {
    pub(super) fn new(setup: &Setup) -> Result<Self, WardenError> {
        let fork = ForkPlan::prepare(ForkOptions {
            namespaces: Namespaces::PID | Namespaces::MOUNT | Namespaces::IPC,
            signals: SignalHandlers::Clear,
            ..ForkOptions::default()
        })?;
        let policy = Policy::strict().tmp(Bytes(setup.tmp_bytes));
        Ok(Self { fork, policy, range: setup.range, next: 0 })
    }

    /// Makes one, and waits until it can be joined.
    pub(super) fn park(&mut self) -> Result<Parked, WardenError> {
        let number = self.next;
        self.next += 1;
        let user = self.user(number);
        let plan = ShellPlan::prepare(&self.policy, user)?;
        let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(failed("making a pipe"))?;
        let child = match self.fork.fork()? {
            Forked::Parent(child) => child,
            Forked::Child(fresh) => become_shell(&fresh, &plan, writer),
        };
        drop(writer);
        settled(&reader)?;
        let (pid, pidfd) = child.into_parts();
        Ok(Parked { number, user, pid, pidfd })
    }

    fn user(&self, number: u64) -> UserId {
        if !self.range {
            return TEMPLATE_USER;
        }
        let index = u32::try_from(number % u64::from(USERS)).unwrap_or_default();
        UserId(FIRST_USER + index)
    }
}

/// Reads a shell's words until it has closed its end, which it does once its filter holds.
fn settled(pipe: &OwnedFd) -> Result<(), WardenError> {
    let mut words = [0; 16];
    let mut length = 0;
    loop {
        match nix::unistd::read(pipe.as_fd(), &mut words[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(failed("waiting for a shell")(errno)),
        }
    }
    match &words[..length] {
        [SETTLED] => Ok(()),
        failure => match failure.try_into() {
            Ok(failure) => Err(StepFailure::from_bytes(failure).into()),
            Err(_) => Err(WardenError::ShellDied),
        },
    }
}
