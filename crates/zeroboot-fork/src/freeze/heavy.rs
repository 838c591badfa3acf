//! Memory that every child rewrites: it stays out of the freeze, in huge pages, and a child copies it at one go.
//!
//! ```text
//!              before                           in the template                  in a child
//!  buffer  [..|#########|#########|##..]    [..|  2 MiB  |  2 MiB  |##..]    [..|  2 MiB  |  2 MiB  |##..]
//!              pages of 4 KiB                   shared with its children         its own, before it writes
//! ```
//!
//! Where a child writes to each page anyway, 512 faults with a copy each become one fault and one copy. The fork hands
//! such memory on with one entry for each 2 MiB.
//!
//! Never here: which memory that is. Where a child writes to a page here and there it is a loss: see `docs/storms.md`.

use std::ops::Range;

use nix::errno::Errno;

use super::select::Candidate;
use super::standstill::{Standstill, StandstillError};
use super::swap::{advise, place};
use crate::huge::{Area, HUGE};

/// Blocks of 2 MiB that children copy at once: see [`InChild::copy_write_heavy`](crate::InChild::copy_write_heavy).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteHeavy {
    runs: Vec<Range<u64>>,
}

/// Why memory was not made ready to be copied at once. What was before the failure stays so, and all has its content.
#[derive(Debug, thiserror::Error)]
pub enum WriteHeavyError {
    /// Something else might write to the memory, or it cannot be looked at.
    #[error(transparent)]
    Standstill(#[from] StandstillError),
    /// No memory for a copy.
    #[error("cannot make a copy of {length} bytes")]
    Copy {
        /// How many.
        length: u64,
        /// What the kernel answered.
        #[source]
        errno: Errno,
    },
    /// The copy could not be put in the place of what it is a copy of.
    #[error("cannot put a copy of {length} bytes into its place")]
    Place {
        /// How many.
        length: u64,
        /// What the kernel answered.
        #[source]
        errno: Errno,
    },
    /// What the kernel was told about a mapping could not be told again. That piece is moved.
    #[error("cannot repeat what the kernel was told about a mapping by madvise")]
    Advise(#[source] Errno),
}

impl WriteHeavy {
    /// Adds what of these address ranges is whole blocks of 2 MiB, and moves it into huge pages. Gives how much is new, in
    /// bytes.
    ///
    /// To be called at the end of the warm-up, and before a [freeze](super::freeze_apart_from). Only blocks within one
    /// private mapping are taken that may be read, written and not executed, and that a freeze would not have to leave
    /// alone: a stack is not, for one. What lies around them is written as ever: align large buffers to 2 MiB. Where the
    /// kernel has no huge pages to give (`transparent_hugepage/enabled` is never, or memory is fragmented) they are small
    /// ones.
    ///
    /// # Errors
    /// [`WriteHeavyError`].
    ///
    /// # After fork
    /// Shared with the parent, as any memory, until the child copies it.
    ///
    /// # Not checked
    /// What shares this memory by `vfork(2)` or `CLONE_VM`, and a debugger, must not write to it meanwhile.
    pub fn add(&mut self, ranges: &[Range<u64>]) -> Result<u64, WriteHeavyError> {
        let wanted = self.new_blocks(ranges);
        if wanted.is_empty() {
            return Ok(0);
        }
        let mut runs = Vec::with_capacity(self.runs.len() + wanted.len());
        let mut still = Standstill::prepare()?;
        // From here on: no allocation.
        still.begin(|candidate| wanted.iter().any(|block| is_within(block, candidate)))?;
        let busy = still.around_this_thread();
        let is_movable = |block: &Range<u64>| {
            still.candidates().iter().any(|home| is_within(block, home) && may_be_moved(home, block, &busy))
        };
        let mut moved = 0;
        let mut result = Ok(());
        let mut rest = wanted.iter().filter(|block| is_movable(block)).peekable();
        while let Some(first) = rest.next() {
            let home = still.candidates().iter().find(|home| is_within(first, home));
            let Some(home) = home else { continue };
            let mut piece = first.clone();
            while let Some(next) = rest.next_if(|next| follows(next, &piece, home)) {
                piece.end = next.end;
            }
            // SAFETY: one thread, no signals, and nothing here allocates: nobody writes. The piece is private memory that
            // may be read and written, and no part of this stack.
            result = unsafe { move_piece(home, &piece) };
            if result.is_err() {
                break;
            }
            moved += piece.end - piece.start;
            runs.push(piece);
        }
        drop(still);
        runs.append(&mut self.runs);
        self.runs = joined(runs);
        result.map(|()| moved)
    }

    /// What a child copies: address ranges, in ascending order.
    #[must_use]
    pub fn runs(&self) -> &[Range<u64>] {
        &self.runs
    }

    /// How much that is, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.runs.iter().map(|run| run.end - run.start).sum()
    }

    /// The whole blocks of these ranges that are not here yet, in ascending order.
    fn new_blocks(&self, ranges: &[Range<u64>]) -> Vec<Range<u64>> {
        let size = HUGE as u64;
        let whole = ranges.iter().flat_map(|range| {
            let start = range.start.checked_next_multiple_of(size).unwrap_or(u64::MAX);
            (start..range.end.saturating_sub(size - 1)).step_by(HUGE)
        });
        let mut starts: Vec<u64> =
            whole.filter(|start| !self.runs.iter().any(|run| run.contains(start))).collect();
        starts.sort_unstable();
        starts.dedup();
        starts.into_iter().map(|start| start..start + size).collect()
    }
}

fn is_within(block: &Range<u64>, candidate: &Candidate) -> bool {
    candidate.start <= block.start && block.end <= candidate.end
}

fn may_be_moved(home: &Candidate, block: &Range<u64>, busy: &Range<u64>) -> bool {
    home.skip.is_none()
        && home.protection == libc::PROT_READ | libc::PROT_WRITE
        && (block.end <= busy.start || busy.end <= block.start)
}

/// Whether a block belongs to the piece before it: each piece is a mapping, which each fork copies, and is there twice
/// while it is moved.
fn follows(block: &Range<u64>, piece: &Range<u64>, home: &Candidate) -> bool {
    const LONGEST: u64 = 128 << 20;
    block.start == piece.end && is_within(block, home) && block.end - piece.start <= LONGEST
}

/// # Safety
/// The piece lies in this private mapping, which may be read and written, and nobody writes to it meanwhile.
unsafe fn move_piece(home: &Candidate, piece: &Range<u64>) -> Result<(), WriteHeavyError> {
    let length = piece.end - piece.start;
    let copy_failed = |errno| WriteHeavyError::Copy { length, errno };
    let (place, size) = place(piece).map_err(copy_failed)?;
    let copy = Area::new(size).map_err(copy_failed)?;
    // SAFETY: the caller's promise.
    unsafe { copy.copy_from(place) };
    // SAFETY: the same content, and the same rights.
    unsafe { copy.put(place) }.map_err(|errno| WriteHeavyError::Place { length, errno })?;
    advise(home, piece).map_err(WriteHeavyError::Advise)
}

/// By address, with neighbours joined.
fn joined(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_unstable_by_key(|range| range.start);
    ranges.dedup_by(|next, last| {
        let is_neighbour = last.end == next.start;
        if is_neighbour {
            last.end = next.end;
        }
        is_neighbour
    });
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn whole_blocks_once() {
        let heavy = WriteHeavy { runs: vec![4 * MIB..6 * MIB, 20 * MIB..22 * MIB] };
        let ranges = [9 * MIB..13 * MIB, MIB..9 * MIB, 0..2 * MIB - 1, 8 * MIB..13 * MIB];
        let starts: Vec<_> = heavy.new_blocks(&ranges).iter().map(|block| block.start / MIB).collect();
        assert_eq!(starts, [2, 6, 8, 10]);
        assert_eq!(heavy.new_blocks(&[u64::MAX - MIB..u64::MAX, 0..1]), []);
    }

    #[test]
    fn neighbours_are_one_run() {
        let runs = joined(vec![8..10, 0..2, 2..4, 6..8]);
        assert_eq!(runs, [0..4, 6..10]);
    }
}
