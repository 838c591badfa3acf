//! One fork per request, in a process that does nothing else any more.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use zeroboot_fork::fd::{self, Waiting};
use zeroboot_fork::{
    Child, ForkError, ForkOptions, ForkPlan, Forked, InChild, Parent, PrepareError, StepFailure, StepId,
    monotonic_ns,
};
use zeroboot_isolation::child::{OwnUser, Prepared};
use zeroboot_isolation::policy::UserId;

use super::child::{self, Request};
use super::{Sandbox, ServeError, Template};
use crate::protocol::{LinkMessage, Malformed, Report, SPAWN_REQUEST, SpawnStamps};

/// A shell that waits to be joined.
pub(super) struct Parked {
    number: u64,
    pub(super) user: UserId,
    pub(super) pidfd: OwnedFd,
    /// The cgroup to be born in.
    leaf: Option<OwnedFd>,
    /// The Landlock rules that it made.
    pub(super) rules: Option<OwnedFd>,
}

/// All that a fork needs.
pub(super) struct Equipment {
    pub(super) fork: ForkPlan,
    prepared: Prepared,
    own_user: OwnUser,
    leaves: Leaves,
    parked: VecDeque<Parked>,
}

impl Equipment {
    pub(super) fn new(fork: ForkPlan, prepared: Prepared, own_user: OwnUser, leaves: Leaves) -> Self {
        Self { fork, prepared, own_user, leaves, parked: VecDeque::with_capacity(64) }
    }

    /// What a new process of the template changes: the shells on offer are its parent's.
    pub(super) fn become_twins(&mut self, fork: ForkPlan) {
        self.fork = fork;
        self.parked.clear();
    }
}

/// A fork whose child is the warden's, as all processes below it are.
pub(super) fn fork_plan() -> Result<ForkPlan, PrepareError> {
    ForkPlan::prepare(ForkOptions { parent: Parent::CallersParent, ..ForkOptions::default() })
}

/// A process of a template, with its sockets.
pub(super) struct Server<'a> {
    template: &'a Template,
    equipment: &'a mut Equipment,
}

/// How long it waits where nothing can be passed on.
const PAUSE: Duration = Duration::from_millis(1);

/// Whether each shell comes with a cgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaves {
    Yes,
    No,
}

impl<'a> Server<'a> {
    pub(super) fn new(template: &'a Template, equipment: &'a mut Equipment) -> Self {
        Self { template, equipment }
    }

    /// Serves until host or warden are gone. Returns once per sandbox, in the sandbox.
    pub(super) fn run(mut self) -> Result<Sandbox, ServeError> {
        loop {
            let mut packet = [0; SPAWN_REQUEST.len()];
            let received = fd::receive(self.template.control.as_fd(), &mut packet, Waiting::Block)
                .map_err(|source| ServeError::Socket { socket: "control", source })?;
            let received_at = monotonic_ns();
            if received.length == 0 {
                return Err(ServeError::Gone);
            }
            let Some([stdin, stdout, stderr, channel, report]) = received.fds.exactly() else {
                return Err(Malformed { expected: "request for a sandbox", length: received.length }.into());
            };
            let request = Request { stdin, stdout, stderr, channel };
            let mut shell = self.next_shell()?;
            match self.fork(&mut shell, received_at) {
                Ok((Forked::Parent(child), stamps)) => self.hand_over(child, &shell, &report, stamps)?,
                Ok((Forked::Child(fresh), _)) => {
                    let sandbox = self.enter(&fresh, &request, &shell);
                    // Their descriptors are closed: no owner may be dropped.
                    std::mem::forget((request, shell, report, fresh));
                    return Ok(sandbox);
                }
                Err(failure) => self.refuse(&shell, &report, failure)?,
            }
            self.restock(Waiting::DontWait)?;
        }
    }

    /// The fork, into the pid namespace and the cgroup of a shell.
    pub(super) fn fork(
        &mut self,
        shell: &mut Parked,
        received: u64,
    ) -> Result<(Forked, SpawnStamps), StepFailure> {
        let failed = |errno| StepFailure::new(StepId::FORK, errno);
        // The directory is closed when the next sandbox is born.
        self.equipment.fork.set_cgroup(shell.leaf.take()).map_err(|_| failed(Errno::EINVAL))?;
        setns(&shell.pidfd, CloneFlags::CLONE_NEWPID).map_err(failed)?;
        let joined = monotonic_ns();
        let forked = self.equipment.fork.fork().map_err(|error| failed(errno_of(&error)))?;
        Ok((forked, SpawnStamps { received, joined, cloned: monotonic_ns() }))
    }

    /// In the child: hardens it. Descriptors 0 to 3 are all that is open afterwards.
    pub(super) fn enter(&self, fresh: &InChild, request: &Request, shell: &Parked) -> Sandbox {
        let place = request.place(shell, self.equipment.own_user);
        Sandbox::new(child::enter(fresh, &self.equipment.prepared, &place))
    }

    /// Tells host and warden of a child.
    pub(super) fn hand_over(
        &self,
        child: Child,
        shell: &Parked,
        report: &OwnedFd,
        stamps: SpawnStamps,
    ) -> Result<(), ServeError> {
        let (_, pidfd) = child.into_parts();
        // A host that has let go: the warden sees it by the same socket, and ends the sandbox.
        let _ = fd::send(
            report.as_fd(),
            &Report::Spawned(stamps).encode(),
            &[pidfd.as_fd(), shell.pidfd.as_fd()],
        );
        self.tell_warden(LinkMessage::Joined { shell: shell.number }, &[report.as_fd(), pidfd.as_fd()])
    }

    /// Tells host and warden that there is no child.
    pub(super) fn refuse(
        &self,
        shell: &Parked,
        report: &OwnedFd,
        failure: StepFailure,
    ) -> Result<(), ServeError> {
        // A host that has let go does not want to know.
        let _ = fd::send(report.as_fd(), &Report::Refused(failure).encode(), &[]);
        self.tell_warden(LinkMessage::Wasted { shell: shell.number }, &[])
    }

    fn tell_warden(&self, message: LinkMessage, fds: &[BorrowedFd<'_>]) -> Result<(), ServeError> {
        loop {
            match fd::send(self.template.link.as_fd(), &message.encode(), fds) {
                // Its user has too many descriptors on their way, those of a sandbox maybe, which ends at its deadline. The
                // warden must know of every process.
                Err(Errno::ETOOMANYREFS) => std::thread::sleep(PAUSE),
                sent => return sent.map_err(|source| ServeError::Socket { socket: "link", source }),
            }
        }
    }

    pub(super) fn next_shell(&mut self) -> Result<Parked, ServeError> {
        loop {
            if let Some(shell) = self.equipment.parked.pop_front() {
                return Ok(shell);
            }
            self.restock(Waiting::Block)?;
        }
    }

    /// A shell that nobody has joined.
    pub(super) fn put_back(&mut self, shell: Parked) {
        self.equipment.parked.push_front(shell);
    }

    /// Takes all shells that are on offer; waits for the first if asked to.
    fn restock(&mut self, mut waiting: Waiting) -> Result<(), ServeError> {
        loop {
            let mut packet = [0; LinkMessage::SIZE];
            let received = match fd::receive(self.template.link.as_fd(), &mut packet, waiting) {
                Err(Errno::EAGAIN) => return Ok(()),
                result => result.map_err(|source| ServeError::Socket { socket: "link", source })?,
            };
            if received.length == 0 {
                return Err(ServeError::Gone);
            }
            let message = LinkMessage::decode(&packet[..received.length])?;
            let mut fds = received.fds.into_iter();
            let (LinkMessage::Parked { shell, user }, Some(pidfd)) = (message, fds.next()) else {
                return Err(Malformed { expected: "offer of a shell", length: received.length }.into());
            };
            let leaf = if self.equipment.leaves == Leaves::Yes { fds.next() } else { None };
            self.equipment.parked.push_back(Parked {
                number: shell,
                user: UserId(user),
                pidfd,
                leaf,
                rules: fds.next(),
            });
            waiting = Waiting::DontWait;
        }
    }
}

fn errno_of(error: &ForkError) -> Errno {
    match error {
        ForkError::Threads(_) => Errno::EAGAIN,
        ForkError::Count(errno) | ForkError::Signals(errno) | ForkError::Fork { errno } => *errno,
    }
}
