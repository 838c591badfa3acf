//! The pages that every child will touch: learned from one child, then handed to the next ones by the fork itself.
//!
//! A fork shares memory lazily, and each first touch of a page costs the child a fault: to copy a page that it writes,
//! to map a page of a file that it reads. For pages which *every* child touches that is a bad bargain, and the kernel
//! can be told so:
//!
//! - a page that is [pinned](https://docs.kernel.org/core-api/pin_user_pages.html) for longer than a system call is
//!   copied by the fork at once, and the child gets its copy writable ([`WorkingSet::copy_at_fork`]);
//! - the page table of a mapping that holds a private page is copied with all entries, so what the parent has mapped
//!   of a file is mapped in the child as well ([`WorkingSet::map_at_fork`]).
//!
//! ```no_run
//! use zeroboot_fork::working_set::Observer;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (pid, rehearse) = (1, || ());
//! let mut observer = Observer::of(pid)?;
//! rehearse(); // the child does what all children will do, and waits
//! let set = observer.working_set()?;
//! let mapped = set.map_at_fork()?;
//! let copied = set.copy_at_fork()?; // for as long as it is kept
//! # Ok(())
//! # }
//! ```
//!
//! Never here: running the child that is learned from, and deciding whether a page is worth it.

mod copy;
mod learn;
mod map;

use std::ops::Range;

pub use copy::{CopiedAtFork, CopyError};
pub use learn::{LearnError, Observer};
pub use map::MapError;

/// What one child has touched, as page-aligned address ranges in ascending order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkingSet {
    written: Vec<Range<u64>>,
    read: Vec<Range<u64>>,
    page: u64,
}

impl WorkingSet {
    /// How many pages the child has for itself: copied, or new.
    #[must_use]
    pub fn written_pages(&self) -> u64 {
        self.pages(&self.written)
    }

    /// How many pages of files the child has mapped.
    #[must_use]
    pub fn read_pages(&self) -> u64 {
        self.pages(&self.read)
    }

    fn pages(&self, ranges: &[Range<u64>]) -> u64 {
        ranges.iter().map(|range| (range.end - range.start) / self.page.max(1)).sum()
    }
}

/// The parts of `ranges` inside `bounds`.
fn clip<'a>(ranges: &'a [Range<u64>], bounds: &'a Range<u64>) -> impl Iterator<Item = Range<u64>> + 'a {
    ranges
        .iter()
        .map(|range| range.start.max(bounds.start)..range.end.min(bounds.end))
        .filter(|range| !range.is_empty())
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
    fn only_what_lies_inside() {
        let ranges = [0x1000..0x3000, 0x4000..0x5000, 0x9000..0xa000];
        let inside: Vec<_> = clip(&ranges, &(0x2000..0x9000)).collect();
        assert_eq!(inside, [0x2000..0x3000, 0x4000..0x5000]);
    }
}
