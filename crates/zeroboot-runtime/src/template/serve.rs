//! The way from a warm process to one that serves.

use std::os::fd::AsFd;

use nix::errno::Errno;
use zeroboot_fork::audit::{AuditError, audit};
use zeroboot_fork::fd::{self, Waiting};
use zeroboot_fork::fill_heap_gaps;
use zeroboot_fork::freeze::{WriteHeavy, WriteHeavyError};
use zeroboot_fork::working_set::CopiedAtFork;
use zeroboot_isolation::child::{OwnUser, PrepareError, Prepared};
use zeroboot_isolation::filter::{FilterError, Filters};
use zeroboot_isolation::policy::Protection;
use zeroboot_isolation::sockets::Sockets;
use zeroboot_isolation::template::{SealTemplateError, bound_template};

use super::findings;
use super::memory::{freeze, set_heap_apart, take_write_heavy};
use super::rehearsal::{self, Learned, Rehearsal};
use super::server::{self, Equipment, Leaves, Server};
use super::{Sandbox, Template, TwinError};
use crate::protocol::{CHANNEL_FRAME, FromTemplate, Malformed, PreparedMemory, TemplateSetup};
use crate::words;

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
    /// Memory was lost while it was made ready to be copied.
    #[error(transparent)]
    WriteHeavy(#[from] WriteHeavyError),
    /// There are not as many processes as there should be.
    #[error(transparent)]
    Twin(#[from] TwinError),
    /// The process could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealTemplateError),
    /// The host's first word is not to be understood.
    #[error("the setup of the template cannot be read")]
    Setup(#[from] serde_json::Error),
    /// A packet is not what it should be.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A socket of the template failed.
    #[error("the {socket} socket failed")]
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

/// Where the preparation leads.
enum Ready {
    /// In each process of the template. The pages are copied at each fork for as long as the second part is kept.
    Server(Box<Equipment>, Option<CopiedAtFork>),
    /// In the child of the rehearsal.
    Sandbox(Sandbox),
}

impl Template {
    /// Audits, rehearses, seals and serves, in as many processes as the host has asked for. Returns once per sandbox, *in the
    /// sandbox*; in the template it does not return until host or warden are gone.
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
        let sandbox = match self.prepare() {
            Ok(Ready::Server(mut equipment, kept)) => {
                let sandbox = Server::new(&self, &mut equipment).run()?;
                std::mem::forget((equipment, kept));
                sandbox
            }
            Ok(Ready::Sandbox(sandbox)) => sandbox,
            Err(error) => {
                // When the host is gone nobody wants to know.
                let _ = self.tell(&message(&error));
                return Err(error);
            }
        };
        std::mem::forget(self);
        Ok(sandbox)
    }

    fn prepare(&mut self) -> Result<Ready, ServeError> {
        let setup: TemplateSetup = serde_json::from_slice(&self.next_packet()?)?;
        let job = (0..setup.rehearsal).map(|_| self.next_packet()).collect::<Result<Vec<_>, _>>()?;
        let report = audit(&self.expected())?;
        if !report.is_safe() {
            return Err(ServeError::Unsafe(findings::words(&report)));
        }
        let policy = setup.policy();
        let wants_filters = policy.protections.wants(Protection::Filter);
        let own_user = if setup.own_user { OwnUser::Yes } else { OwnUser::No };
        let filters = wants_filters.then(|| Filters::compile(Sockets::of(&policy), own_user)).transpose()?;
        let mut fork = server::fork_plan()?;
        let prepared = Prepared::new(&policy, filters.as_ref())?;
        let leaves = if setup.leaves { Leaves::Yes } else { Leaves::No };

        // After the last of what is made to be dropped again.
        fill_heap_gaps();
        // Before anything of it is pinned, and while the process may still look at itself.
        let mut heavy = WriteHeavy::default();
        let declared = take_write_heavy(&mut heavy, &self.write_heavy)?;
        let frozen = freeze(&heavy);
        let heap = set_heap_apart(setup.huge_heap_bytes);
        fork.set_write_heavy(heavy);
        let mut equipment = Box::new(Equipment::new(fork, prepared, own_user, leaves));
        let bounded = bound_template()?;
        let Learned { set, code, heavy } =
            match rehearsal::rehearse(&mut Server::new(self, &mut equipment), &job)? {
                Rehearsal::Learned(learned) => {
                    let mut heavy = equipment.fork.write_heavy().clone();
                    let learned = rehearsal::share_what_was_learned(learned, declared, &mut heavy)?;
                    equipment.fork.set_write_heavy(heavy);
                    learned
                }
                Rehearsal::Sandbox(sandbox) => {
                    std::mem::forget(equipment);
                    return Ok(Ready::Sandbox(sandbox));
                }
            };
        self.multiply(setup.template_processes, &mut equipment)?;
        // From here on in each process for itself.
        let (copied, kept) = rehearsal::copy_at_fork(set);
        bounded.seal(filters.as_ref())?;
        self.tell(&FromTemplate::Serving(PreparedMemory { copied, code, frozen, heavy, heap }))
            .map_err(|source| ServeError::Socket { socket: "control", source })?;
        Ok(Ready::Server(equipment, kept))
    }

    /// What the host says before it asks for sandboxes.
    fn next_packet(&self) -> Result<Vec<u8>, ServeError> {
        let mut packet = vec![0; CHANNEL_FRAME];
        let length = fd::receive_bytes(self.control.as_fd(), &mut packet, Waiting::Block)
            .map_err(|source| ServeError::Socket { socket: "control", source })?;
        if length == 0 {
            return Err(ServeError::Gone);
        }
        packet.truncate(length);
        Ok(packet)
    }
}

fn message(error: &ServeError) -> FromTemplate {
    match error {
        ServeError::Unsafe(findings) => FromTemplate::Unsafe(findings.clone()),
        other => FromTemplate::Seal(words::of(other)),
    }
}
