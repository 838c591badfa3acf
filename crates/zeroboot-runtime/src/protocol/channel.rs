//! What the sandbox's end of the channel sends.

use zeroboot_fork::StepFailure;
use zeroboot_isolation::child::Stamps;

/// The largest packet on a channel, in bytes; what is longer is sent in several.
pub const CHANNEL_FRAME: usize = 60 * 1024;

/// What the host sends after the job. The first is left out where the job says itself that it may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostWord;

impl HostWord {
    /// The seal is read and good: user code may start. A template whose own author's code runs first need not wait.
    pub const GO: [u8; 1] = *b"g";
    /// The measurements are taken: the process may leave.
    pub const MEASURED: [u8; 1] = *b"a";
}

/// A packet from the sandbox. Only the first one is to be believed: it is sent before user code starts.
#[derive(Debug, Clone, Copy)]
pub enum ChannelFrame<'a> {
    /// Hardened; user code comes next. When each step was done.
    Ready(Stamps),
    /// A step of the hardening failed, and the process has left.
    Failed(StepFailure),
    /// What was to be run ahead of the job has ended, with this exit status. Sent before user code comes.
    RanAhead(u8),
    /// A piece of the answer.
    Answer(&'a [u8]),
    /// The work is over; the process waits for a word before it leaves, so that it can be measured. Why it failed, as far as it knows.
    Done(Option<Hint>),
}

/// Why a script has failed, by its own word: for a person who reads it, and for nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// It has asked for a socket of the internet, or for the address of a name, and there is no network.
    Network,
}

impl ChannelFrame<'_> {
    /// The size of the packet that says [`Ready`](Self::Ready).
    pub const READY_SIZE: usize = 1 + Stamps::LENGTH;
}

impl<'a> ChannelFrame<'a> {
    const READY: u8 = b'R';
    const FAILED: u8 = b'F';
    const RAN_AHEAD: u8 = b'T';
    const ANSWER: u8 = b'A';
    const DONE: u8 = b'D';
    const NETWORK: u8 = b'n';

    /// The packet for [`Ready`](Self::Ready). System calls none, allocation none: it is sent by the fresh child.
    #[must_use]
    pub fn ready(stamps: &Stamps) -> [u8; ChannelFrame::READY_SIZE] {
        let mut bytes = [Self::READY; ChannelFrame::READY_SIZE];
        bytes[1..].copy_from_slice(&stamps.to_bytes());
        bytes
    }

    /// The packet for [`Failed`](Self::Failed), for the fresh child too.
    #[must_use]
    pub fn failed(failure: StepFailure) -> [u8; 9] {
        let mut bytes = [Self::FAILED; 9];
        bytes[1..].copy_from_slice(&failure.to_bytes());
        bytes
    }

    /// The packets for an answer of any length.
    pub fn answer(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
        bytes.chunks(CHANNEL_FRAME - 1).map(|chunk| {
            let mut packet = vec![Self::ANSWER];
            packet.extend_from_slice(chunk);
            packet
        })
    }

    /// The packet for [`RanAhead`](Self::RanAhead).
    #[must_use]
    pub fn ran_ahead(status: u8) -> [u8; 2] {
        [Self::RAN_AHEAD, status]
    }

    /// The packet for [`Done`](Self::Done).
    #[must_use]
    pub fn done(hint: Option<Hint>) -> &'static [u8] {
        match hint {
            None => &[Self::DONE],
            Some(Hint::Network) => &[Self::DONE, Self::NETWORK],
        }
    }

    /// Reads a packet; anything else than the above is `None`.
    #[must_use]
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        match bytes.split_first()? {
            (&Self::READY, stamps) => Some(Self::Ready(Stamps::from_bytes(stamps.try_into().ok()?))),
            (&Self::FAILED, failure) => Some(Self::Failed(StepFailure::from_bytes(failure.try_into().ok()?))),
            (&Self::RAN_AHEAD, &[status]) => Some(Self::RanAhead(status)),
            (&Self::ANSWER, piece) => Some(Self::Answer(piece)),
            (&Self::DONE, []) => Some(Self::Done(None)),
            (&Self::DONE, &[Self::NETWORK]) => Some(Self::Done(Some(Hint::Network))),
            _ => None,
        }
    }
}
