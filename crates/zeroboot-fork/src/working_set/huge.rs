//! Code in huge pages: what children execute of large libraries, handed on by the fork in one entry of the page table for
//! each 2 MiB.
//!
//! ```text
//!        before                                        after
//!  r--p  [constants  ]  the library's file             [constants  |          ]  file, up to the boundary
//!  r-xp  [code                ]                        [  2 MiB    |  2 MiB   ]  anonymous, r-x, the same content
//!  r--p  [constants   ]                                [    ]                    file, the rest
//! ```

use std::ffi::c_void;
use std::io;
use std::ops::Range;
use std::ptr;

use nix::errno::Errno;

use super::WorkingSet;
use crate::huge::{Area, HUGE, is_huge};
use crate::maps::{self, Mapping};

/// From how many pages on, of the 512, a block is worth its copy: so many windows of 16 pages are as many faults.
const WORTH: u64 = 64;

/// Why code stays in small pages of its file. Nothing has changed then, but for what was moved before, and unless it says so.
#[derive(Debug, thiserror::Error)]
pub enum HugeCodeError {
    /// The mappings of this process.
    #[error("cannot read the mappings of this process")]
    Maps(#[source] io::Error),
    /// Memory for the copy.
    #[error("cannot make a copy of {length} bytes of code")]
    Copy {
        /// How many.
        length: usize,
        /// What the kernel answered.
        #[source]
        errno: Errno,
    },
    /// The kernel gave small pages.
    #[error("the kernel gave no huge pages (transparent_hugepage/enabled is never, or memory is fragmented)")]
    Small,
    /// The copy could not be put in the place of the code: the kernel may have taken that away already.
    #[error("cannot put {length} bytes of code into their place")]
    Place {
        /// How many.
        length: usize,
        /// What the kernel answered.
        #[source]
        errno: Errno,
    },
}

impl WorkingSet {
    /// Moves code and constants of large libraries, of which the child has [read](Self::read) enough, into huge pages.
    /// Gives how many bytes.
    ///
    /// A fork hands a huge page on with one entry, where the child would otherwise take a fault for each 64 KiB. What lies
    /// between two boundaries of 2 MiB is moved whole: constants among it become executable, as code was readable before.
    /// The memory is this process's own from then on, and its children's; in `/proc/self/maps` it has no name.
    ///
    /// # Errors
    /// [`HugeCodeError`].
    ///
    /// # After fork
    /// Inherited, shared with the parent.
    ///
    /// # Not checked
    /// Break points that a debugger or `uprobes` have set there are lost or stay for ever.
    pub fn move_code_to_huge_pages(&self) -> Result<u64, HugeCodeError> {
        let mappings = maps::of_this_process().map_err(HugeCodeError::Maps)?;
        let blocks = blocks(mappings.into_iter(), |block| self.pages_in(&self.read, block) >= WORTH);
        let mut moved = 0;
        for block in blocks {
            // SAFETY: a readable mapping of a file without a part that is written to: see `blocks`.
            unsafe { move_block(&block)? };
            moved += block.end - block.start;
        }
        Ok(moved)
    }
}

/// What is between boundaries of huge pages in the neighbouring read-only mappings of one file that has code, and worth it.
fn blocks(
    mappings: impl Iterator<Item = Mapping>,
    is_worth: impl Fn(&Range<u64>) -> bool,
) -> Vec<Range<u64>> {
    let mut libraries: Vec<(Mapping, bool)> = Vec::new();
    for mapping in mappings.filter(|it| it.is_readable && !it.is_writable && !it.is_shared && it.has_file()) {
        match libraries.last_mut() {
            Some((last, has_code))
                if last.addresses.end == mapping.addresses.start && last.name == mapping.name =>
            {
                last.addresses.end = mapping.addresses.end;
                *has_code |= mapping.is_executable;
            }
            _ => {
                let has_code = mapping.is_executable;
                libraries.push((mapping, has_code));
            }
        }
    }
    let all = libraries.into_iter().filter(|(_, has_code)| *has_code).flat_map(|(library, _)| {
        let Range { start, end } = library.addresses;
        (start.next_multiple_of(HUGE as u64)..end.saturating_sub(HUGE as u64 - 1)).step_by(HUGE)
    });
    all.map(|start| start..start + HUGE as u64).filter(|block| is_worth(block)).collect()
}

/// # Safety
/// The block is mapped, may be read, and nobody writes to it.
unsafe fn move_block(block: &Range<u64>) -> Result<(), HugeCodeError> {
    let length = HUGE;
    let failed = |errno| HugeCodeError::Copy { length, errno };
    let start = usize::try_from(block.start).map_err(|_| failed(Errno::EOVERFLOW))?;
    let code = ptr::with_exposed_provenance_mut::<c_void>(start);
    let copy = Area::new(length).map_err(failed)?;
    // SAFETY: the caller's promise.
    unsafe { copy.copy_from(code) };
    if !is_huge(copy.address()).map_err(HugeCodeError::Maps)? {
        return Err(HugeCodeError::Small);
    }
    copy.protect(libc::PROT_READ | libc::PROT_EXEC).map_err(failed)?;
    // SAFETY: the same content, for everybody who executes there, this call too; and nobody writes.
    unsafe { copy.put(code) }.map_err(|errno| HugeCodeError::Place { length, errno })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_blocks_of_libraries_alone() {
        let maps = "\
            7f0000100000-7f0000180000 r--p 00000000 fe:00 1    /lib/large.so\n\
            7f0000180000-7f0000700000 r-xp 00080000 fe:00 1    /lib/large.so\n\
            7f0000700000-7f0000900000 r--p 00600000 fe:00 1    /lib/large.so\n\
            7f0000900000-7f0000b00000 rw-p 00800000 fe:00 1    /lib/large.so\n\
            7f0000c00000-7f0000f00000 r--p 00000000 fe:00 2    /lib/no.code\n\
            7f0001000000-7f00010f0000 r-xp 00000000 fe:00 3    /lib/small.so\n\
            7f0001200000-7f0001400000 r-xp 00000000 fe:00 3    /lib/exact.so\n\
            7f0001600000-7f0001800000 r-xp 00000000 00:00 0 \n";
        let found = blocks(maps.lines().filter_map(Mapping::parse), |_| true);
        let starts: Vec<_> = found.iter().map(|block| block.start).collect();
        assert_eq!(starts, [0x7f00_0020_0000, 0x7f00_0040_0000, 0x7f00_0060_0000, 0x7f00_0120_0000]);
        assert!(found.iter().all(|block| block.end - block.start == HUGE as u64));
        assert_eq!(blocks(maps.lines().filter_map(Mapping::parse), |_| false), []);
    }
}
