//! Serving: one fork per request, in a process that does nothing else any more.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use zeroboot_fork::audit::{AuditError, audit};
use zeroboot_fork::fd::{self, Waiting};
use zeroboot_fork::{
    Child, ForkError, ForkOptions, ForkPlan, Forked, Parent, StepFailure, StepId, monotonic_ns,
};
use zeroboot_isolation::child::{OwnUser, PrepareError, Prepared};
use zeroboot_isolation::filter::{FilterError, Filters};
use zeroboot_isolation::policy::UserId;
use zeroboot_isolation::template::{SealTemplateError, seal_template};

use super::child::{self, Request};
use super::{Sandbox, Template};
use crate::protocol::{
    FromTemplate, LinkMessage, Malformed, Report, SPAWN_REQUEST, SpawnStamps, TemplateSetup,
};

/// Why a template does not serve, or serves no longer. The host has been told, where it could be.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The process could not be audited.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// It is not safe to fork.
    #[error("the template is not safe to fork:\n{0}")]
    Unsafe(String),
    /// The filters do not compile.
    #[error(transparent)]
    Filters(#[from] FilterError),
    /// The hardening could not be prepared.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The fork could not be prepared.
    #[error(transparent)]
    Fork(#[from] zeroboot_fork::PrepareError),
    /// The process could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealTemplateError),
    /// The host's first word is not to be understood.
    #[error("the setup of the template cannot be read: {0}")]
    Setup(#[from] serde_json::Error),
    /// A packet is not what it should be.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A socket of the template failed.
    #[error("{socket}: {source}")]
    Socket {
        /// Which.
        socket: &'static str,
        /// What the kernel answered.
        source: Errno,
    },
    /// Host or warden are gone; so should this process be.
    #[error("the host or the warden has gone")]
    Gone,
}

/// A shell that waits to be joined.
struct Parked {
    number: u64,
    user: UserId,
    pidfd: OwnedFd,
}

struct Server {
    template: Template,
    fork: ForkPlan,
    prepared: Prepared,
    own_user: OwnUser,
    parked: VecDeque<Parked>,
}

impl Template {
    /// Audits, seals and serves. Returns once per sandbox, *in the sandbox*; in the template it does not return until
    /// host or warden are gone.
    ///
    /// # Errors
    /// [`ServeError`], in the template only; the host has been told why, and the process should end.
    ///
    /// # After fork
    /// The caller goes on in a hardened copy of the process. Its memory is the template's; of the descriptors only the
    /// standard streams and the channel are left, whatever their owners believe: leave by
    /// [`Sandbox::finish`] or `_exit`, and drop nothing that owns a descriptor.
    pub fn serve(mut self) -> Result<Sandbox, ServeError> {
        self.close_extras();
        match self.prepare() {
            Ok(server) => server.run(),
            Err((told, error)) => {
                // When the host is gone nobody wants to know.
                let _ = fd::send(told.as_fd(), &message(&error).encode(), &[]);
                Err(error)
            }
        }
    }

    fn prepare(self) -> Result<Server, (OwnedFd, ServeError)> {
        match self.try_prepare() {
            Ok((fork, prepared, own_user)) => {
                Ok(Server { template: self, fork, prepared, own_user, parked: VecDeque::with_capacity(64) })
            }
            Err(error) => Err((self.control, error)),
        }
    }

    fn try_prepare(&self) -> Result<(ForkPlan, Prepared, OwnUser), ServeError> {
        let mut packet = [0; 512];
        let length = fd::receive_bytes(self.control.as_fd(), &mut packet, Waiting::Block)
            .map_err(|source| ServeError::Socket { socket: "control", source })?;
        if length == 0 {
            return Err(ServeError::Gone);
        }
        let setup: TemplateSetup = serde_json::from_slice(&packet[..length])?;
        let report = audit(&self.expected())?;
        if !report.is_safe() {
            return Err(ServeError::Unsafe(report.to_string()));
        }
        let filters = Filters::compile()?;
        let fork =
            ForkPlan::prepare(ForkOptions { parent: Parent::CallersParent, ..ForkOptions::default() })?;
        seal_template(&filters)?;
        let prepared = Prepared::new(&setup.policy(), filters)?;
        Ok((fork, prepared, if setup.own_user { OwnUser::Yes } else { OwnUser::No }))
    }
}

fn message(error: &ServeError) -> FromTemplate {
    match error {
        ServeError::Unsafe(findings) => FromTemplate::Unsafe(findings.clone()),
        other => {
            let cause =
                std::error::Error::source(other).map(|cause| format!(": {cause}")).unwrap_or_default();
            FromTemplate::Seal(format!("{other}{cause}"))
        }
    }
}

impl Server {
    fn run(mut self) -> Result<Sandbox, ServeError> {
        let told = self.template.tell(&FromTemplate::Serving);
        told.map_err(|source| ServeError::Socket { socket: "control", source })?;
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
            let shell = self.next_shell()?;
            match self.spawn(&shell, received_at) {
                Ok((Forked::Parent(child), stamps)) => self.hand_over(child, &shell, report, stamps)?,
                Ok((Forked::Child(fresh), _)) => {
                    let place = request.place(shell.pidfd.as_fd(), shell.user, self.own_user);
                    let hardened = child::enter(&fresh, &self.prepared, &place);
                    // Their descriptors are closed: no owner may be dropped.
                    std::mem::forget((self, request, shell, report, fresh));
                    return Ok(Sandbox::new(hardened));
                }
                Err(failure) => self.refuse(&shell, &report, failure)?,
            }
            self.restock(Waiting::DontWait)?;
        }
    }

    /// The fork, into the pid namespace of a shell.
    fn spawn(&self, shell: &Parked, received: u64) -> Result<(Forked, SpawnStamps), StepFailure> {
        setns(&shell.pidfd, CloneFlags::CLONE_NEWPID)
            .map_err(|errno| StepFailure::new(StepId::FORK, errno))?;
        let joined = monotonic_ns();
        let forked = self.fork.fork().map_err(|error| StepFailure::new(StepId::FORK, errno_of(&error)))?;
        Ok((forked, SpawnStamps { received, joined, cloned: monotonic_ns() }))
    }

    /// Tells host and warden of a child.
    fn hand_over(
        &self,
        child: Child,
        shell: &Parked,
        report: OwnedFd,
        stamps: SpawnStamps,
    ) -> Result<(), ServeError> {
        let (pid, pidfd) = child.into_parts();
        // A host that has let go: the warden sees it by the same socket, and ends the sandbox.
        let _ = fd::send(
            report.as_fd(),
            &Report::Spawned(stamps).encode(),
            &[pidfd.as_fd(), shell.pidfd.as_fd()],
        );
        self.tell_warden(LinkMessage::Joined { shell: shell.number, pid }, &[report.as_fd()])
    }

    fn refuse(&self, shell: &Parked, report: &OwnedFd, failure: StepFailure) -> Result<(), ServeError> {
        // A host that has let go does not want to know.
        let _ = fd::send(report.as_fd(), &Report::Refused(failure).encode(), &[]);
        self.tell_warden(LinkMessage::Wasted { shell: shell.number }, &[])
    }

    fn tell_warden(&self, message: LinkMessage, fds: &[BorrowedFd<'_>]) -> Result<(), ServeError> {
        fd::send(self.template.link.as_fd(), &message.encode(), fds)
            .map_err(|source| ServeError::Socket { socket: "link", source })
    }

    fn next_shell(&mut self) -> Result<Parked, ServeError> {
        loop {
            if let Some(shell) = self.parked.pop_front() {
                return Ok(shell);
            }
            self.restock(Waiting::Block)?;
        }
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
            let (LinkMessage::Parked { shell, user }, Some([pidfd])) = (message, received.fds.exactly())
            else {
                return Err(Malformed { expected: "offer of a shell", length: received.length }.into());
            };
            self.parked.push_back(Parked { number: shell, user: UserId(user), pidfd });
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
