//! What runs in a fresh child until it is hardened. Bound by the child rules.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use zeroboot_fork::fd::{self, Waiting};
use zeroboot_fork::{InChild, StepFailure, StepId, leave};
use zeroboot_isolation::child::{Hardened, OwnUser, Place, Prepared, Stamps};

use super::server::Parked;
use crate::protocol::ChannelFrame;

/// The descriptors of one sandbox.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) stdin: OwnedFd,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
    pub(super) channel: OwnedFd,
}

impl Request {
    pub(super) fn place<'a>(&'a self, shell: &'a Parked, own_user: OwnUser) -> Place<'a> {
        Place {
            shell: shell.pidfd.as_fd(),
            rules: shell.rules.as_ref().map(AsFd::as_fd),
            user: shell.user,
            own_user,
            stdin: self.stdin.as_fd(),
            stdout: self.stdout.as_fd(),
            stderr: self.stderr.as_fd(),
            channel: self.channel.as_fd(),
        }
    }
}

/// The exit code of a child that could not be hardened; its step tells why.
const FAILED: u8 = 125;

/// What a child of a rehearsal waits for.
pub(super) const RELEASE: [u8; 1] = *b"r";

/// Waits until the template has a hold on this process's memory.
pub(super) fn await_release(request: &Request) {
    let mut word = [0; RELEASE.len()];
    if fd::receive_bytes(request.channel.as_fd(), &mut word, Waiting::Block) != Ok(RELEASE.len()) {
        leave(FAILED);
    }
}

/// Hardens the process and says so over the channel, or says which step failed and leaves.
///
/// A word that cannot be sent means that the host has gone: then the process leaves as well.
pub(super) fn enter(fresh: &InChild, prepared: &Prepared, place: &Place<'_>) -> Hardened {
    if let Err(failure) = fresh.repair() {
        refuse(place.channel, failure);
    }
    let mut stamps = Stamps::default();
    match prepared.apply(place, &mut stamps) {
        Ok(hardened) => match fd::send(hardened.channel(), &ChannelFrame::ready(&stamps), &[]) {
            Ok(()) => hardened,
            Err(_) => leave(FAILED),
        },
        Err(failure) => refuse(
            place.channel_after(failure),
            StepFailure { step: StepId(failure.step.id()), errno: failure.errno },
        ),
    }
}

fn refuse(channel: BorrowedFd<'_>, failure: StepFailure) -> ! {
    // A host that has gone does not want to know.
    let _ = fd::send(channel, &ChannelFrame::failed(failure), &[]);
    leave(FAILED)
}
