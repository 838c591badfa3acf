//! The pages that every child will write: learned from one child, then copied for the next ones by the fork itself.
//!
//! A fork shares memory lazily, and each first write of a page costs the child a fault, and the copy. For pages which
//! *every* child writes that is a bad bargain: a page that is
//! [pinned](https://docs.kernel.org/core-api/pin_user_pages.html) for longer than a system call is copied by the fork
//! itself, and the child finds its copy writable. That takes half the time, and the parent spares its own faults too.
//!
//! ```no_run
//! use zeroboot_fork::working_set::Witness;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (pid, rehearse) = (1, || ());
//! let witness = Witness::new()?; // right before the fork of the child
//! let mut observer = witness.observe(pid)?;
//! rehearse(); // the child does what all children will do, and waits
//! let set = observer.working_set()?;
//! // ... and ends, with all that it has forked
//! let copied = set.copy_at_fork()?; // for as long as it is kept
//! set.map_for_forks(); // after a freeze
//! # Ok(())
//! # }
//! ```
//!
//! Never here: running the child that is learned from, and deciding whether a page is worth it.

mod copy;
mod huge;
mod learn;
mod map;

use std::ops::Range;

use crate::freeze::WriteHeavy;
use crate::huge::HUGE;

pub use copy::{CopiedAtFork, CopyError};
pub use huge::HugeCodeError;
pub use learn::{LearnError, Observer, Witness};

/// How much of a block has to be written, in pages of 512. A copy at one go takes less time than copies of these pages by the fork
/// from 320 on (`docs/storms.md`); since it takes the memory of all of them, it is to be worth it.
const ENOUGH: u64 = 384;

/// What one child has written, and what it has read of files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkingSet {
    written: Vec<Range<u64>>,
    read: Vec<Range<u64>>,
    page: u64,
}

impl WorkingSet {
    /// Where the child has pages for itself, copied or new: address ranges, page-aligned, in ascending order.
    #[must_use]
    pub fn written(&self) -> &[Range<u64>] {
        &self.written
    }

    /// Where the child has pages of files, privately mapped: code, constants, and frozen memory. What it has read there, and
    /// what the kernel has mapped around it (`fault_around_bytes`).
    #[must_use]
    pub fn read(&self) -> &[Range<u64>] {
        &self.read
    }

    /// How many pages it has written.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.pages_of(&self.written)
    }

    /// Blocks of 2 MiB, at its boundaries, of which the child has written so much that a copy at one go costs less than
    /// copies of the pages, and of which this process has as much content: to be [added](WriteHeavy::add) to what children
    /// copy. What the child alone has is its own fresh memory.
    ///
    /// # Errors
    /// [`LearnError`], when this process may not look at its own memory.
    pub fn dense_blocks(&self) -> Result<Vec<Range<u64>>, LearnError> {
        let dense = self.blocks_written();
        if dense.is_empty() {
            return Ok(dense);
        }
        learn::with_content(dense, ENOUGH, self.page)
    }

    fn blocks_written(&self) -> Vec<Range<u64>> {
        let size = HUGE as u64;
        let blocks =
            self.written.iter().flat_map(|range| (range.start - range.start % size..range.end).step_by(HUGE));
        let mut starts: Vec<u64> = blocks.collect();
        starts.dedup();
        let blocks = starts.into_iter().map(|start| start..start + size);
        blocks.filter(|block| self.pages_in(&self.written, block) >= ENOUGH).collect()
    }

    fn pages_in(&self, ranges: &[Range<u64>], block: &Range<u64>) -> u64 {
        clip(ranges, block).map(|part| (part.end - part.start) / self.page.max(1)).sum()
    }

    /// The same set but for what children copy anyway.
    #[must_use]
    pub fn without(self, heavy: &WriteHeavy) -> Self {
        let mut written = self.written;
        for piece in heavy.pieces() {
            let (before, after) = (0..piece.start, piece.end..u64::MAX);
            written = clip(&written, &before).chain(clip(&written, &after)).collect();
        }
        Self { written, ..self }
    }

    fn pages_of(&self, ranges: &[Range<u64>]) -> u64 {
        ranges.iter().map(|range| (range.end - range.start) / self.page.max(1)).sum()
    }
}

/// The parts of ascending `ranges` inside `bounds`.
fn clip<'a>(ranges: &'a [Range<u64>], bounds: &'a Range<u64>) -> impl Iterator<Item = Range<u64>> + 'a {
    let first = ranges.partition_point(|range| range.end <= bounds.start);
    let near = ranges[first..].iter().take_while(|range| range.start < bounds.end);
    near.map(|range| range.start.max(bounds.start)..range.end.min(bounds.end))
}

/// Adds a page at the end, as part of the last range if it follows it.
fn extend(ranges: &mut Vec<Range<u64>>, start: u64, page: u64) {
    match ranges.last_mut() {
        Some(last) if last.end == start => last.end += page,
        _ => ranges.push(start..start + page),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_become_one_range() {
        let mut ranges = Vec::new();
        for start in [0x1000, 0x2000, 0x4000] {
            extend(&mut ranges, start, 0x1000);
        }
        assert_eq!(ranges, [0x1000..0x3000, 0x4000..0x5000]);
    }

    #[test]
    fn blocks_that_are_mostly_written() {
        const PAGE: u64 = 0x1000;
        let size = HUGE as u64;
        let written = vec![
            size - PAGE..size + 200 * PAGE,
            2 * size - 184 * PAGE..2 * size + 383 * PAGE,
            3 * size..5 * size,
        ];
        let set = WorkingSet { written, read: Vec::new(), page: PAGE };
        assert_eq!(set.blocks_written(), [size..2 * size, 3 * size..4 * size, 4 * size..5 * size]);
    }

    #[test]
    fn only_what_lies_inside() {
        let ranges = [0x1000..0x3000, 0x4000..0x5000, 0x9000..0xa000];
        let inside: Vec<_> = clip(&ranges, &(0x2000..0x9000)).collect();
        assert_eq!(inside, [0x2000..0x3000, 0x4000..0x5000]);
    }
}
