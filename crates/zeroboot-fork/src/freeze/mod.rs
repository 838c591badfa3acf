//! Freezing: the private memory of a warm process moves into a file, in place, so that a fork costs the same however
//! much there is.
//!
//! A fork copies the page tables of anonymous memory: 7 ms for each GiB, by every fork. It copies none for a private
//! mapping of a file in which nothing was written yet: what a child touches there it finds by a fault, 16 pages at a
//! time, and what it writes it gets a copy of, as ever.
//!
//! ```text
//!        before                                   after
//!  heap  [######....##########]  anonymous        [######....##########]  file, from 0
//!  data  [##########]            library          [##########]            file, right behind: one mapping with the heap,
//!                                                                         where they are neighbours
//!  arena [####                  ~~~~        ###]  [####|                ~~~~       |###]  file, nothing, file
//!  stack [####]                  left alone       [####]                  left alone
//! ```
//!
//! Of a file's mapping, such as a library's data, what was not written is copied with what was, but for long parts.
//!
//! Content is the same before and after, and so are addresses, protections and what `madvise(2)` was told; what differs
//! is seen in `/proc/self/maps` only, where the file's name stands instead of `[heap]` or a library's.
//!
//! Never here: which process is worth it, and keeping it as it is: what the process writes later is anonymous again,
//! until it is frozen again.

mod area;
mod heavy;
mod moved;
mod pages;
mod report;
mod select;
mod standstill;
mod swap;

use self::area::List;
use self::moved::moved;
use self::pages::PageTable;
use self::standstill::Standstill;
use self::swap::{Kept, Mover};
use crate::maps;

pub use heavy::{WriteHeavy, WriteHeavyError};
pub use moved::Moved;
pub use report::{FreezeError, Frozen, SkipReason, Skipped};
pub use standstill::StandstillError;

/// Moves the private memory of this process into a sealed file in memory, and maps it back in place.
///
/// To be called at the end of the warm-up, before
/// [`WorkingSet::copy_at_fork`](crate::working_set::WorkingSet::copy_at_fork), and after what makes memory disappear (a
/// garbage collection, `malloc_trim(3)`). It takes a second or two for each GiB. No more than 8,192 pages (32 MiB) are
/// there twice at any moment.
///
/// What it costs afterwards: the first access to each 64 KiB is a fault, in this process and in each child. Pages that
/// are written, by whomever, are copied. A page inside of the moved memory that was absent (short gaps only) takes two
/// pages when it is written for the first time. Before Linux 6.5 `copy_at_fork` leaves moved memory out where it leaves
/// out files.
///
/// It may be called again, after more warm-up: then it moves what was written since. The file of before keeps, until
/// nothing of it is mapped any more, the pages that are no longer seen: a sealed file cannot give them back. So each
/// further call can cost as much memory as it moves.
///
/// The pages count as shared memory of the process's cgroup from now on, and where `vm.overcommit_memory` is 2 once
/// more as committed memory. Names that `PR_SET_VMA_ANON_NAME` gave and policies of `mbind(2)` are lost, and huge pages
/// become small ones.
///
/// # Errors
/// [`FreezeError`]. The process goes on unharmed; what was moved before the failure stays so. The kernel replaces a
/// mapping in one step since 6.12; before, it could fail for want of its own memory when the old one was gone already.
///
/// # After fork
/// Children inherit the mappings and no descriptor. A child may freeze itself.
///
/// # Not checked
/// Other threads and rings of asynchronous input and output are refused. What shares this memory by `vfork(2)`
/// or `CLONE_VM`, and a debugger, must not write to it meanwhile: that would be lost.
pub fn freeze() -> Result<Frozen, FreezeError> {
    freeze_apart_from(&WriteHeavy::default())
}

/// The same, but for what children rewrite anyway and was made ready for that: it stays where it is.
///
/// # Errors
/// As for [`freeze`].
pub fn freeze_apart_from(heavy: &WriteHeavy) -> Result<Frozen, FreezeError> {
    let mut still = Standstill::prepare()?;
    let page = still.page;
    let mut kept = List::with_capacity(heavy.pieces().len() + 1).map_err(FreezeError::memory)?;
    let skipped =
        List::with_capacity(3 * still.capacity + heavy.pieces().len()).map_err(FreezeError::memory)?;
    let mut ahead = PageTable::open(page).map_err(FreezeError::mappings)?;
    let table = PageTable::open(page).map_err(FreezeError::mappings)?;
    let before = maps::of_this_process().map_err(FreezeError::listing)?;
    let mut mover = Mover::new(table, page, skipped).map_err(FreezeError::File)?;

    still.begin(|candidate| candidate.anonymous > 0)?;
    // From here to the end of the move: no allocation.
    Kept::list(&mut kept, heavy.pieces(), &still.around_this_thread()).map_err(FreezeError::memory)?;
    // SAFETY: needed, since it is what a freeze is. The candidates were just read; there is one thread, signals are
    // blocked and nothing between allocates. This stack was told apart, the lists are shared mappings, and what libc
    // and the kernel write by themselves lies around the thread's control block.
    let result = unsafe { mover.run(still.candidates(), &kept, &mut ahead) };
    let mappings_before = still.mappings;
    drop(still);

    let (bytes, written, skipped) = (mover.bytes, mover.written, mover.skipped.to_vec());
    drop((mover, ahead, kept));
    let after = maps::of_this_process().map_err(FreezeError::listing)?;
    let (mappings_after, places) = (after.len(), moved(&before, &after));
    let frozen = Frozen { mappings_before, mappings_after, bytes, written, moved: places, skipped };
    match result {
        Ok(()) => Ok(frozen),
        Err(halt) => Err(halt.after(frozen)),
    }
}
