//! The rehearsal: a first sandbox that no host asked for, to learn which memory every later one will write.
//!
//! The template plays the host: it forks into a parked shell as always, lets the child harden itself and do its job,
//! looks at its page table, and has the kernel copy those pages at each later fork. It takes place before the seal, since only a process that is not sealed may look at itself and its child; what runs is the recipe's own code.

use std::fs::OpenOptions;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use zeroboot_fork::fd::{self, Waiting};
use zeroboot_fork::freeze::{WriteHeavy, WriteHeavyError};
use zeroboot_fork::working_set::{CopiedAtFork, LearnError, Observer, Witness, WorkingSet};
use zeroboot_fork::{Exit, ExitStatus, Forked, StepFailure, monotonic_ns};

use super::child::{self, Request};
use super::memory::take_write_heavy;
use super::server::Server;
use super::{Sandbox, ServeError};
use crate::protocol::{CHANNEL_FRAME, ChannelFrame, CopiedPages, HeavyMemory, HostWord, HugeCode, Report};
use crate::words;

/// How long the rehearsal may take; a sandbox that takes longer has no use for a fast start.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why nothing was learned. The template serves all the same.
#[derive(Debug, thiserror::Error)]
pub(super) enum RehearsalError {
    #[error("cannot get {what}")]
    Resource { what: &'static str, source: std::io::Error },
    #[error("the fork: {0}")]
    Fork(StepFailure),
    #[error("the sandbox could not {}", words::of_step(*.0))]
    Hardening(StepFailure),
    #[error(transparent)]
    Learn(#[from] LearnError),
    #[error("talking to the sandbox failed")]
    Talk(#[source] Errno),
    #[error("it did not end within {} s", PATIENCE.as_secs())]
    TooSlow,
    #[error("it ended before its work was over")]
    Ended,
    #[error("it failed: {0:?}")]
    Failed(ExitStatus),
}

/// Where a rehearsal leads.
pub(super) enum Rehearsal {
    /// In the template: what was learned.
    Learned(Result<WorkingSet, RehearsalError>),
    /// In the child: a sandbox, to be used as any other.
    Sandbox(Sandbox),
}

/// Rehearses this job. Without one the child ends as soon as it is hardened, and does not come back.
///
/// # Errors
/// [`ServeError`] when the warden is gone.
pub(super) fn rehearse(server: &mut Server<'_>, job: &[Vec<u8>]) -> Result<Rehearsal, ServeError> {
    let (stage, request, report) = match Stage::set() {
        Ok(set) => set,
        Err(error) => return Ok(Rehearsal::Learned(Err(error))),
    };
    let mut shell = server.next_shell()?;
    let witness = match Witness::new() {
        Ok(witness) => witness,
        Err(error) => {
            server.put_back(shell);
            return Ok(Rehearsal::Learned(Err(error.into())));
        }
    };
    match server.fork(&mut shell, monotonic_ns()) {
        Ok((Forked::Parent(child), stamps)) => {
            let observer = witness.observe(child.pid());
            server.hand_over(child, &shell, &report, stamps)?;
            drop((request, report));
            Ok(Rehearsal::Learned(observer.map_err(RehearsalError::from).and_then(|it| stage.watch(it, job))))
        }
        Ok((Forked::Child(fresh), _)) => {
            child::await_release(&request);
            let sandbox = server.enter(&fresh, &request, &shell);
            if job.is_empty() {
                sandbox.finish(0);
            }
            // Their descriptors are closed: no owner may be dropped.
            std::mem::forget((stage, witness, request, report, shell, fresh));
            Ok(Rehearsal::Sandbox(sandbox))
        }
        Err(failure) => {
            server.refuse(&shell, &report, failure)?;
            Ok(Rehearsal::Learned(Err(RehearsalError::Fork(failure))))
        }
    }
}

/// The template's ends of the sandbox's sockets. Dropped, the warden ends the sandbox.
struct Stage {
    channel: OwnedFd,
    report: OwnedFd,
}

impl Stage {
    /// What a host would have made. What the sandbox prints is lost, but for its errors: they go where the warm-up's go.
    fn set() -> Result<(Self, Request, OwnedFd), RehearsalError> {
        let resource = |what| move |source| RehearsalError::Resource { what, source };
        let null = || OpenOptions::new().read(true).write(true).open("/dev/null");
        let (channel, far_channel) = fd::pair().map_err(|errno| resource("a channel")(errno.into()))?;
        let (report, far_report) = fd::pair().map_err(|errno| resource("a report socket")(errno.into()))?;
        let request = Request {
            stdin: null().map_err(resource("/dev/null"))?.into(),
            stdout: null().map_err(resource("/dev/null"))?.into(),
            stderr: std::io::stderr().as_fd().try_clone_to_owned().map_err(resource("standard error"))?,
            channel: far_channel,
        };
        Ok((Self { channel, report }, request, far_report))
    }

    /// Lets the child work, and learns from it while it waits for its last word.
    fn watch(self, mut observer: Observer, job: &[Vec<u8>]) -> Result<WorkingSet, RehearsalError> {
        let deadline = Instant::now() + PATIENCE;
        let send = |packet: &[u8]| fd::send(self.channel.as_fd(), packet, &[]).map_err(RehearsalError::Talk);
        send(&child::RELEASE)?;
        if !job.is_empty() {
            job.iter().try_for_each(|packet| send(packet))?;
            send(&HostWord::GO)?;
        }
        let mut packet = vec![0; CHANNEL_FRAME];
        loop {
            match ChannelFrame::decode(receive(&self.channel, &mut packet, deadline)?) {
                Some(ChannelFrame::Done(_)) => break,
                Some(ChannelFrame::Failed(failure)) => return Err(RehearsalError::Hardening(failure)),
                Some(ChannelFrame::Ready(_) | ChannelFrame::RanAhead(_) | ChannelFrame::Answer(_)) => {}
                None => return Err(RehearsalError::Ended),
            }
        }
        let set = observer.working_set()?;
        drop(observer);
        send(&HostWord::MEASURED)?;
        // Only when the whole sandbox is gone does the template share its pages with nobody.
        let mut ended = None;
        loop {
            match Report::decode(receive(&self.report, &mut packet, deadline)?) {
                Ok(Report::Exited(Exit { status, .. }, _)) => ended = Some(status),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        match ended {
            Some(ExitStatus::Exited(0)) => Ok(set),
            Some(status) => Err(RehearsalError::Failed(status)),
            None => Err(RehearsalError::Ended),
        }
    }
}

/// The next packet; nothing of it when the other end is closed.
fn receive<'a>(
    socket: &OwnedFd,
    packet: &'a mut [u8],
    deadline: Instant,
) -> Result<&'a [u8], RehearsalError> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut source = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        match poll(&mut source, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
            Ok(0) => return Err(RehearsalError::TooSlow),
            Ok(_) => break,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(RehearsalError::Talk(errno)),
        }
    }
    match fd::receive_bytes(socket.as_fd(), packet, Waiting::DontWait) {
        Ok(length) => Ok(&packet[..length]),
        // The other end was closed with something unread.
        Err(Errno::ECONNRESET) => Ok(&[]),
        Err(errno) => Err(RehearsalError::Talk(errno)),
    }
}

/// What of the template's memory was made ready for its forks, whichever of its processes they are of.
pub(super) struct Learned {
    /// What is still to be done in each process, or why nothing is.
    pub(super) set: Result<WorkingSet, String>,
    pub(super) code: HugeCode,
    pub(super) heavy: HeavyMemory,
}

/// Has sandboxes copy what was learned to be written to most of a block as a whole, and forks hand on what was learned to be executed
/// of large libraries.
pub(super) fn share_what_was_learned(
    learned: Result<WorkingSet, RehearsalError>,
    declared: HeavyMemory,
    ready: &mut WriteHeavy,
) -> Result<Learned, WriteHeavyError> {
    let set = match learned {
        Ok(set) => set,
        Err(error) => {
            let cause = format!("the rehearsal: {}", words::of(&error));
            return Ok(Learned { set: Err(cause), code: HugeCode::Moved(0), heavy: declared });
        }
    };
    let mut heavy = match set.dense_blocks() {
        Ok(blocks) => take_write_heavy(ready, &blocks)?,
        Err(error) => HeavyMemory { bytes: ready.bytes(), trouble: Some(words::of(&error)) },
    };
    heavy.trouble = declared.trouble.or(heavy.trouble);
    let set = set.without(ready);
    let code = match set.move_code_to_huge_pages() {
        Ok(bytes) => HugeCode::Moved(bytes),
        Err(error) => HugeCode::Not(words::of(&error)),
    };
    Ok(Learned { set: Ok(set), code, heavy })
}

/// Has the kernel copy, at each fork of this process, what else was learned to be written, for as long as the second part is kept;
/// and hand on what was learned to be read of frozen memory.
pub(super) fn copy_at_fork(set: Result<WorkingSet, String>) -> (CopiedPages, Option<CopiedAtFork>) {
    let set = match set {
        Ok(set) => set,
        Err(cause) => return (CopiedPages::None(cause), None),
    };
    let copied = match set.copy_at_fork() {
        Ok(kept) => (CopiedPages::Copied(kept.pages()), Some(kept)),
        Err(error) => (CopiedPages::None(words::of(&error)), None),
    };
    // After the copies: a fork hands on the page tables of mappings in which something was written.
    set.map_for_forks();
    copied
}
