//! How the child tells its end: one write to a pipe that nobody waits for, read when the child is gone.
//!
//! Never here: telling progress; the length of the file does.

use std::time::Duration;

use nix::errno::Errno;

use super::{Bytes, Saved, SnapshotError};
use crate::step::{StepFailure, StepId};

/// The most that a report has: what a pipe takes whole, whatever else it is asked to (`PIPE_BUF`).
pub(super) const MOST: usize = 4096;

type Outcome = Result<Saved, SnapshotError>;

/// What came of a snapshot, as bytes: a kind, a number that goes with it, and a text or the figures.
pub(super) fn encode(outcome: &Outcome) -> Vec<u8> {
    let (kind, number, rest) = match outcome {
        Ok(saved) => (SAVED, 0, figures(saved)),
        Err(SnapshotError::Step(failure)) => (STEP, failure.errno, failure.step.0.to_ne_bytes().to_vec()),
        Err(SnapshotError::Serialise { message }) => (SERIALISE, 0, message.clone().into_bytes()),
        Err(SnapshotError::Panicked { message }) => (PANICKED, 0, message.clone().into_bytes()),
        Err(SnapshotError::Write { errno }) => (WRITE, *errno as i32, Vec::new()),
        Err(SnapshotError::Sync { errno }) => (SYNC, *errno as i32, Vec::new()),
        Err(SnapshotError::Rename(errno)) => (RENAME, *errno as i32, Vec::new()),
        Err(SnapshotError::SyncDirectory(errno)) => (SYNC_DIRECTORY, *errno as i32, Vec::new()),
        // What the parent finds out by itself.
        Err(SnapshotError::Ended { .. } | SnapshotError::Child(_)) => return Vec::new(),
    };
    let mut bytes = vec![kind];
    bytes.extend(number.to_ne_bytes());
    bytes.extend(rest);
    bytes.truncate(MOST);
    bytes
}

/// The reverse; `None` for what is no report.
pub(super) fn decode(bytes: &[u8]) -> Option<Outcome> {
    let (kind, rest) = bytes.split_first()?;
    let (number, rest) = rest.split_first_chunk()?;
    let number = i32::from_ne_bytes(*number);
    let errno = Errno::from_raw(number);
    // The cut may lie within a letter.
    let message = || String::from_utf8_lossy(rest).trim_end_matches(char::REPLACEMENT_CHARACTER).to_owned();
    Some(Err(match *kind {
        SAVED => return saved(rest).map(Ok),
        STEP => {
            let step = StepId(u16::from_ne_bytes(rest.try_into().ok()?));
            SnapshotError::Step(StepFailure { step, errno: number })
        }
        SERIALISE => SnapshotError::Serialise { message: message() },
        PANICKED => SnapshotError::Panicked { message: message() },
        WRITE => SnapshotError::Write { errno },
        SYNC => SnapshotError::Sync { errno },
        RENAME => SnapshotError::Rename(errno),
        SYNC_DIRECTORY => SnapshotError::SyncDirectory(errno),
        _ => return None,
    }))
}

const SAVED: u8 = 1;
const STEP: u8 = 2;
const SERIALISE: u8 = 3;
const PANICKED: u8 = 4;
const WRITE: u8 = 5;
const SYNC: u8 = 6;
const RENAME: u8 = 7;
const SYNC_DIRECTORY: u8 = 8;

/// No number of bytes that there can be.
const UNKNOWN: u64 = u64::MAX;

fn figures(saved: &Saved) -> Vec<u8> {
    let took = u64::try_from(saved.took.as_nanos()).unwrap_or(u64::MAX);
    let copied = saved.copied.map_or(UNKNOWN, |bytes| bytes.0);
    [saved.written.0, copied, took].iter().flat_map(|figure| figure.to_ne_bytes()).collect()
}

fn saved(bytes: &[u8]) -> Option<Saved> {
    let (figures, []) = bytes.as_chunks() else { return None };
    let [written, copied, took] = *figures else { return None };
    let [written, copied, took] = [written, copied, took].map(u64::from_ne_bytes);
    Some(Saved {
        written: Bytes(written),
        copied: (copied != UNKNOWN).then_some(Bytes(copied)),
        took: Duration::from_nanos(took),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_comes_back() {
        let saved = |copied| Saved { written: Bytes(1 << 40), copied, took: Duration::from_nanos(3) };
        let message = || "a käse".to_owned();
        let errno = Errno::ENOSPC;
        let outcomes = [
            Ok(saved(Some(Bytes(7)))),
            Ok(saved(None)),
            Err(SnapshotError::Step(StepFailure::new(StepId::DEATH_SIGNAL, errno))),
            Err(SnapshotError::Serialise { message: message() }),
            Err(SnapshotError::Panicked { message: message() }),
            Err(SnapshotError::Write { errno }),
            Err(SnapshotError::Sync { errno }),
            Err(SnapshotError::Rename(errno)),
            Err(SnapshotError::SyncDirectory(errno)),
        ];
        for outcome in outcomes {
            let bytes = encode(&outcome);
            assert_eq!(decode(&bytes), Some(outcome));
        }
    }

    #[test]
    fn a_long_message_is_cut_between_letters() {
        for extra in 0..3 {
            let long = Err(SnapshotError::Serialise { message: "a".repeat(extra) + &"ß".repeat(MOST) });
            let bytes = encode(&long);
            assert_eq!(bytes.len(), MOST);
            let Some(Err(SnapshotError::Serialise { message })) = decode(&bytes) else {
                panic!("no message")
            };
            assert!(message.ends_with('ß') && message.len() > MOST - 10, "{}", message.len());
        }
    }

    #[test]
    fn what_is_no_report() {
        for bytes in [&[][..], &[SAVED], &[SAVED, 0, 0, 0, 0, 1], &[STEP, 1, 0, 0, 0, 1], &[99, 0, 0, 0, 0]] {
            assert_eq!(decode(bytes), None, "{bytes:?}");
        }
    }
}
