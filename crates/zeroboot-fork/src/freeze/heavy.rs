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

use std::fs::File;
use std::io;
use std::ops::Range;

use nix::errno::Errno;

use super::select::Candidate;
use super::standstill::{Standstill, StandstillError};
use super::swap::{advise, place};
use crate::huge::{self, Area, HUGE};
use crate::maps;

/// Blocks of 2 MiB that children copy at once: see [`ForkPlan::set_write_heavy`](crate::ForkPlan::set_write_heavy).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteHeavy {
    /// Each is a mapping, or was one.
    pieces: Vec<Range<u64>>,
}

/// Why memory was not made ready to be copied at once. What was before the failure stays so, and all has its content, but for
/// [`Place`](Self::Place).
#[derive(Debug, thiserror::Error)]
pub enum WriteHeavyError {
    /// Something else might write to the memory, or it cannot be looked at.
    #[error(transparent)]
    Standstill(#[from] StandstillError),
    /// There are no huge pages, without which a copy of all costs more than copies of what is written.
    #[error(
        "the kernel gives no huge pages (transparent_hugepage/enabled is never, or memory is fragmented)"
    )]
    Small,
    /// It cannot be told whether there are any, or what there is to be copied.
    #[error("cannot look at the memory of this process")]
    Look(#[source] io::Error),
    /// No memory for a copy.
    #[error("cannot make a copy of {length} bytes")]
    Copy {
        /// How many.
        length: u64,
        /// What the kernel answered.
        #[source]
        errno: Errno,
    },
    /// The copy could not be put in the place of what it is a copy of, and the kernel may have taken that away already: the
    /// process should end.
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
    /// alone: a stack is not, for one; nor what cannot be read, such as guards. What lies around them is written as ever: align
    /// large buffers to 2 MiB.
    ///
    /// Memory that was frozen before is there twice from then on, since a sealed file gives nothing back. Names that
    /// `PR_SET_VMA_ANON_NAME` gave and policies of `mbind(2)` are lost.
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
        let wanted = self.new_blocks(&mapped(ranges).map_err(WriteHeavyError::Look)?);
        if wanted.is_empty() {
            return Ok(0);
        }
        if !huge::are_to_be_had().map_err(WriteHeavyError::Look)? {
            return Err(WriteHeavyError::Small);
        }
        let memory = File::open("/proc/self/mem").map_err(WriteHeavyError::Look)?;
        let mut pieces = Vec::with_capacity(self.pieces.len() + wanted.len());
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
            match unsafe { move_piece(home, &piece, &memory) } {
                Ok(Moved::All) => {
                    moved += piece.end - piece.start;
                    pieces.push(piece);
                }
                Ok(Moved::Nothing) => {}
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        drop(still);
        pieces.append(&mut self.pieces);
        pieces.sort_unstable_by_key(|piece| piece.start);
        self.pieces = pieces;
        result.map(|()| moved)
    }

    /// What a child copies: address ranges, in ascending order, of 128 MiB at most.
    #[must_use]
    pub fn pieces(&self) -> &[Range<u64>] {
        &self.pieces
    }

    /// How much that is, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.end - piece.start).sum()
    }

    /// The whole blocks of these ranges that are not here yet, in ascending order.
    fn new_blocks(&self, ranges: &[Range<u64>]) -> Vec<Range<u64>> {
        let size = HUGE as u64;
        let whole = ranges.iter().flat_map(|range| {
            let start = range.start.checked_next_multiple_of(size).unwrap_or(u64::MAX);
            (start..range.end.saturating_sub(size - 1)).step_by(HUGE)
        });
        let mut starts: Vec<u64> =
            whole.filter(|start| !self.pieces.iter().any(|piece| piece.contains(start))).collect();
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
unsafe fn move_piece(home: &Candidate, piece: &Range<u64>, memory: &File) -> Result<Moved, WriteHeavyError> {
    let length = piece.end - piece.start;
    let copy_failed = |errno| WriteHeavyError::Copy { length, errno };
    let (place, size) = place(piece).map_err(copy_failed)?;
    let copy = Area::new(size).map_err(copy_failed)?;
    // Not by an access: a guard, or a file that was cut, would raise a signal.
    if copy.read_from(memory, piece.start).is_err() {
        return Ok(Moved::Nothing);
    }
    // SAFETY: the same content, and the same rights, by the caller's promise.
    unsafe { copy.put(place) }.map_err(|errno| WriteHeavyError::Place { length, errno })?;
    advise(home, piece).map_err(WriteHeavyError::Advise).map(|()| Moved::All)
}

/// What became of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moved {
    All,
    /// It cannot be read: it stays as it is.
    Nothing,
}

/// What of these ranges is mapped: they may be anybody's numbers.
fn mapped(ranges: &[Range<u64>]) -> io::Result<Vec<Range<u64>>> {
    let mut places: Vec<Range<u64>> = Vec::new();
    for mapping in maps::of_this_process()? {
        match places.last_mut() {
            Some(last) if last.end == mapping.addresses.start => last.end = mapping.addresses.end,
            _ => places.push(mapping.addresses),
        }
    }
    let parts = places
        .iter()
        .flat_map(|place| ranges.iter().map(|range| range.start.max(place.start)..range.end.min(place.end)));
    Ok(parts.filter(|part| !part.is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn whole_blocks_once() {
        let heavy = WriteHeavy { pieces: vec![4 * MIB..6 * MIB, 20 * MIB..22 * MIB] };
        let ranges = [9 * MIB..13 * MIB, MIB..9 * MIB, 0..2 * MIB - 1, 8 * MIB..13 * MIB];
        let starts: Vec<_> = heavy.new_blocks(&ranges).iter().map(|block| block.start / MIB).collect();
        assert_eq!(starts, [2, 6, 8, 10]);
        assert_eq!(heavy.new_blocks(&[u64::MAX - MIB..u64::MAX, 0..1]), []);
    }
}
