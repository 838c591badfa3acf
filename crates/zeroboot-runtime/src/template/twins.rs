//! Twins: more processes for one template. Each is a fork of the first, shares its memory until one of them writes, and then
//! serves as the first does.
//!
//! ```text
//! first  ─ rehearsal ─┬────────────┬─▶ pins its pages ─▶ seal ─▶ serve
//!                     │            └─▶ twin 2: the same
//!                     └─▶ twin 1: the same
//! ```
//!
//! A fork hands on memory, freeze, huge pages, and what was taken from the process for good; pinned pages and the page tables of
//! files are each process's own, and so twins are made before there are any.
//!
//! A twin is no sandbox: it runs no code but this, and its parent had one thread, which was counted. So it may allocate.
//! Never here: what a process does with its pages, and sandboxes.

use std::num::NonZeroU8;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use zeroboot_fork::{ForkError, ForkPlan, Forked, PrepareError, StepFailure, fd, pidfd_open};

use super::Template;
use super::server::{Equipment, fork_plan};
use crate::protocol::{FromTemplate, LinkMessage};

/// Why a template does not have as many processes as it should.
#[derive(Debug, thiserror::Error)]
pub enum TwinError {
    /// The fork could not be prepared.
    #[error("another process of the template cannot be prepared")]
    Prepare(#[source] PrepareError),
    /// The rehearsal's sandbox was born in another pid namespace, and so would a twin be.
    #[error("the template cannot go back to its own pid namespace")]
    Home(#[source] Errno),
    /// Its sockets.
    #[error("cannot make a socket for another process of the template")]
    Socket(#[source] Errno),
    /// Telling host or warden of it.
    #[error("cannot announce another process of the template to the {peer}")]
    Tell {
        /// Whom.
        peer: &'static str,
        /// What the socket answered.
        source: Errno,
    },
    /// The fork.
    #[error("cannot fork another process of the template")]
    Fork(#[source] ForkError),
    /// The new process could not repair what a fork leaves stale.
    #[error("another process of the template did not start")]
    Repair(#[source] StepFailure),
}

/// Whom a fork has returned to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    First,
    Twin,
}

impl Template {
    /// Makes as many processes of this one. Returns in each of them, with sockets and equipment of its own.
    ///
    /// # Errors
    /// [`TwinError`]: there are fewer then, and the template should end.
    pub(super) fn multiply(
        &mut self,
        processes: NonZeroU8,
        equipment: &mut Equipment,
    ) -> Result<(), TwinError> {
        if processes == NonZeroU8::MIN {
            return Ok(());
        }
        let plan = fork_plan().map_err(TwinError::Prepare)?;
        let home = pidfd_open(std::process::id()).map_err(TwinError::Home)?;
        setns(&home, CloneFlags::CLONE_NEWPID).map_err(TwinError::Home)?;
        drop(home);
        for _ in 1..processes.get() {
            if self.twin(&plan)? == Side::Twin {
                let mut own = fork_plan().map_err(TwinError::Prepare)?;
                own.set_write_heavy(equipment.fork.write_heavy().clone());
                equipment.become_twins(own);
                break;
            }
        }
        Ok(())
    }

    /// The host's end of the control socket is on its way before the fork, and so in no other process; that of the link follows, since
    /// the warden wants to know of which process it is.
    fn twin(&mut self, plan: &ForkPlan) -> Result<Side, TwinError> {
        let tell = |peer| move |source| TwinError::Tell { peer, source };
        let (control, far_control) = fd::pair().map_err(TwinError::Socket)?;
        let (link, far_link) = fd::pair().map_err(TwinError::Socket)?;
        fd::send(self.control.as_fd(), &FromTemplate::Twin.encode(), &[far_control.as_fd()])
            .map_err(tell("host"))?;
        drop(far_control);
        match plan.fork().map_err(TwinError::Fork)? {
            Forked::Parent(child) => {
                let fds = [far_link.as_fd(), child.as_fd()];
                fd::send(self.link.as_fd(), &LinkMessage::Twin.encode(), &fds).map_err(tell("warden"))?;
                Ok(Side::First)
            }
            Forked::Child(fresh) => {
                // In the place of its parent's, which are closed here, as is the warden's end.
                (self.control, self.link) = (control, link);
                drop(far_link);
                fresh.repair().and_then(|()| fresh.restore_signals()).map_err(TwinError::Repair)?;
                Ok(Side::Twin)
            }
        }
    }
}
