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
mod pages;
mod report;
mod select;
mod swap;

use std::ops::Range;

use nix::errno::Errno;
use nix::unistd::{SysconfVar, sysconf};

use self::area::List;
use self::pages::PageTable;
use self::select::{Candidate, Lines, SelectFailure};
use self::swap::Mover;
use crate::audit;
use crate::child::set_mask;
use crate::plan::block_signals;
use crate::threads::{self, ThreadCount};

pub use report::{FreezeError, Frozen, SkipReason, Skipped};

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
    let count = ThreadCount::open().map_err(FreezeError::Count)?;
    threads::await_one(&count)?;
    if audit::has_rings().map_err(FreezeError::Descriptors)? {
        return Err(FreezeError::KernelWrites);
    }
    let page = page_size().map_err(FreezeError::Memory)?;
    let mappings_before = count_mappings()?;
    // The lists add mappings of their own.
    let capacity = mappings_before + 64;
    let mut candidates = List::with_capacity(capacity).map_err(FreezeError::Memory)?;
    let skipped = List::with_capacity(3 * capacity).map_err(FreezeError::Memory)?;
    let mut ahead = PageTable::open(page).map_err(FreezeError::Mappings)?;
    let table = PageTable::open(page).map_err(FreezeError::Mappings)?;
    let mut text = Lines::of("/proc/self/smaps").map_err(FreezeError::Mappings)?;
    let mut mover = Mover::new(table, page, skipped).map_err(FreezeError::File)?;

    let quiet = Quiet::begin().map_err(FreezeError::Signals)?;
    // From here to the end of the move: no allocation.
    let stack = (&raw const quiet).addr() as u64;
    select::select(&mut candidates, &mut text, stack).map_err(|failure| match failure {
        SelectFailure::Read(errno) => FreezeError::Mappings(errno),
        SelectFailure::KernelWrites => FreezeError::KernelWrites,
    })?;
    let kept = around_this_thread(&candidates, page);
    // SAFETY: needed, since it is what a freeze is. The candidates were just read; there is one thread, signals are
    // blocked and nothing between allocates. This stack was told apart, the lists are shared mappings, and what libc
    // and the kernel write by themselves lies around the thread's control block.
    let moved = unsafe { mover.run(&candidates, &kept, &mut ahead) };
    drop(quiet);

    let (bytes, written, skipped) = (mover.bytes, mover.written, mover.skipped.to_vec());
    drop((mover, candidates, text, ahead));
    let mappings_after = count_mappings()?;
    let frozen = Frozen { mappings_before, mappings_after, bytes, written, skipped };
    match moved {
        Ok(()) => Ok(frozen),
        Err(halt) => Err(halt.after(frozen)),
    }
}

fn page_size() -> Result<u64, Errno> {
    let page = sysconf(SysconfVar::PAGE_SIZE)?.ok_or(Errno::EINVAL)?;
    u64::try_from(page).map_err(|_| Errno::EINVAL)
}

fn count_mappings() -> Result<usize, FreezeError> {
    Lines::of("/proc/self/maps").and_then(Lines::count).map_err(FreezeError::Mappings)
}

/// Where libc and the kernel write without being asked, in the mapping that has it: `errno`, the thread's control
/// block, and what is registered by `rseq(2)`, which some C libraries keep before all thread-local variables and some
/// in the control block. Empty if that mapping is no candidate.
fn around_this_thread(candidates: &[Candidate], page: u64) -> Range<u64> {
    /// In bytes, on each side; few enough to be of no account for a fork.
    const AROUND: u64 = 16 << 10;
    // SAFETY: needed to know the addresses. No precondition; nothing is read or written.
    let (block, errno) = unsafe { (libc::pthread_self() as u64, libc::__errno_location().addr() as u64) };
    let (first, last) = (block.min(errno), block.max(errno));
    let start = first.saturating_sub(AROUND);
    let around = start - start % page..(last + AROUND).next_multiple_of(page);
    let home = candidates.iter().find(|candidate| (candidate.start..candidate.end).contains(&block));
    home.map_or(0..0, |home| around.start.max(home.start)..around.end.min(home.end))
}

/// No signal's handler runs, until it is dropped.
struct Quiet(libc::sigset_t);

impl Quiet {
    fn begin() -> Result<Self, Errno> {
        block_signals().map(Self)
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // The mask was the thread's own: it cannot fail.
        let _ = set_mask(&self.0);
    }
}
