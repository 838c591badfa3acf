//! A sandbox's own end of the channel: its job, its answer, its end.

use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::libc;
use zeroboot_fork::fd::{self, Waiting};
use zeroboot_fork::leave;
use zeroboot_isolation::child::Hardened;

use crate::protocol::{CHANNEL_FRAME, ChannelFrame, Hint, HostWord, Job, JobError, JobReader, When};

/// This process, hardened.
#[derive(Debug)]
pub struct Sandbox {
    channel: BorrowedFd<'static>,
    pid: u32,
    identity: Result<Identity, Errno>,
}

/// A device and an inode: which file it is.
type Identity = (libc::dev_t, libc::ino_t);

/// Why there is no job.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveJobError {
    /// The host has gone.
    #[error("the host has gone")]
    Gone,
    /// The channel failed.
    #[error("reading the job failed")]
    Channel(#[from] Errno),
    /// The host's words are not to be understood.
    #[error(transparent)]
    Job(#[from] JobError),
}

impl Sandbox {
    pub(super) fn new(hardened: Hardened) -> Self {
        let channel = hardened.channel();
        Self { channel, pid: std::process::id(), identity: identity(channel) }
    }

    /// Waits for the job; gives when to run it, too.
    ///
    /// # Errors
    /// [`ReceiveJobError`].
    pub fn job(&self) -> Result<(Job, When), ReceiveJobError> {
        let mut reader = JobReader::default();
        loop {
            // Most jobs are short, and each page of a buffer that is written is one to be copied.
            let mut packet = vec![0; fd::await_length(self.channel)?.min(CHANNEL_FRAME)];
            let length = fd::receive_bytes(self.channel, &mut packet, Waiting::Block)?;
            if length == 0 {
                return Err(ReceiveJobError::Gone);
            }
            if let Some(job) = reader.take(&packet[..length])? {
                return Ok(job);
            }
        }
    }

    /// Waits until the host has read the seal; whether it wants user code to start.
    #[must_use]
    pub fn await_go(&self) -> bool {
        let mut word = [0; HostWord::GO.len()];
        fd::receive_bytes(self.channel, &mut word, Waiting::Block) == Ok(word.len()) && word == HostWord::GO
    }

    /// Says that what was to be run ahead of the job has ended, with this exit status.
    ///
    /// # Errors
    /// What the socket answered.
    pub fn ran_ahead(&self, status: u8) -> Result<(), Errno> {
        fd::send(self.channel, &ChannelFrame::ran_ahead(status), &[])
    }

    /// Sends a piece of the answer; the pieces are joined on the host's side.
    ///
    /// # Errors
    /// What the socket answered.
    pub fn answer(&self, bytes: &[u8]) -> Result<(), Errno> {
        ChannelFrame::answer(bytes).try_for_each(|packet| fd::send(self.channel, &packet, &[]))
    }

    /// Says that the work is over, waits until the host has taken its measurements, and leaves: see
    /// [`be_measured`](Self::be_measured).
    ///
    /// # After fork
    /// `_exit`: no destructor, no exit handler, no flush.
    pub fn finish(&self, code: u8) -> ! {
        self.be_measured(None);
        leave(code)
    }

    /// Says that the work is over, and waits until the host has taken its measurements; once. Nothing of it may be given back before.
    /// The hint is for people. In a fork of the sandbox there is nothing to be said, nor where user code has put another file in the channel's place.
    pub fn be_measured(&self, hint: Option<Hint>) {
        let is_itself = std::process::id() == self.pid && identity(self.channel) == self.identity;
        // A host that has gone ends this process anyway.
        if is_itself && fd::send(self.channel, ChannelFrame::done(hint), &[]).is_ok() {
            let mut word = [0; 1];
            while let Ok(1..) = fd::receive_bytes(self.channel, &mut word, Waiting::Block) {
                if word == HostWord::MEASURED {
                    break;
                }
            }
        }
    }
}

fn identity(channel: BorrowedFd<'_>) -> Result<Identity, Errno> {
    nix::sys::stat::fstat(channel).map(|found| (found.st_dev, found.st_ino))
}
