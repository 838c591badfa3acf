//! What host, warden, template and sandbox tell one another.
//!
//! Every message is one packet on a `SOCK_SEQPACKET` socket, so there is no framing and nothing to resynchronise. The
//! numbers are in the machine's byte order: both ends are built from the same sources and run on the same machine.
//!
//! | socket | between | trusted |
//! |---|---|---|
//! | warden | host ↔ warden | yes |
//! | control | host → template; one per process of it | yes |
//! | link | warden ↔ template; one per process of it | yes |
//! | report | template, then warden ↔ host; one per sandbox | yes: the sandbox never holds it |
//! | channel | host ↔ sandbox | the first packet only: it is sent before user code starts |

mod channel;
mod job;
mod report;
mod setup;

pub use channel::{CHANNEL_FRAME, ChannelFrame, Hint, HostWord};
pub use job::{Buffering, Job, JobError, JobReader, Origin, When};
pub use report::{Emptied, KEEP_FILES, LinkMessage, Report, SpawnStamps};
pub(crate) use setup::network;
pub use setup::{
    CgroupSetup, CopiedPages, FromTemplate, FromWarden, FrozenMemory, FrozenPlace, HeavyMemory, HugeCode,
    HugeHeap, MadeGroup, PreparedMemory, Program, SETUP_LIMIT, SPAWN_REQUEST, Setup, SetupBind, TEXT_LIMIT,
    TemplateSetup, ToWarden, WithRemedy,
};

/// A packet that is not one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a packet of {length} bytes is not a {expected}")]
pub struct Malformed {
    /// What was expected.
    pub expected: &'static str,
    /// How many bytes came.
    pub length: usize,
}

/// A packet of up to `N` eight-byte words, on the stack.
pub(crate) fn pack<const N: usize, const B: usize>(words: [u64; N]) -> [u8; B] {
    const { assert!(N * 8 == B) };
    let mut bytes = [0; B];
    for (chunk, word) in bytes.chunks_exact_mut(8).zip(words) {
        chunk.copy_from_slice(&word.to_ne_bytes());
    }
    bytes
}

/// The words of a packet, if it has exactly `N`.
pub(crate) fn unpack<const N: usize>(bytes: &[u8]) -> Option<[u64; N]> {
    if bytes.len() != N * 8 {
        return None;
    }
    let mut words = [0; N];
    for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = u64::from_ne_bytes(chunk.try_into().ok()?);
    }
    Some(words)
}
