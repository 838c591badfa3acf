//! What children allocate: close together, at the end of the heap, and in huge pages where that is asked for.
//!
//! A warm-up leaves free blocks everywhere, and the allocator uses these first: so a child would write to pages all over the heap of
//! its parent, and each is one to be copied. [`fill_heap_gaps`] takes them away.
//!
//! [`reserve_huge_heap`] has the rest come from an area in huge pages:
//!
//! ```text
//!  heap  [ in use | cushion |      gap      |#| 2 MiB | 2 MiB | 2 MiB | ...      ]
//!                                            ^ where malloc goes on: the last page before a boundary
//! ```
//!
//! glibc's `malloc` can ask for huge pages by itself (`GLIBC_TUNABLES=glibc.malloc.hugetlb=1`), but only where it finds
//! `/sys`, and what it maps for a large request begins anywhere: up to 511 pages at either end stay small.
//!
//! What is small comes from the cushion first: the parent itself is not to write to huge pages, since children copy these in
//! small ones.
//!
//! Never here: which process is worth it.

use std::ffi::c_void;
use std::hint::black_box;
use std::io;

use nix::errno::Errno;

use crate::huge::{self, HUGE};
use crate::threads::{self, NotAlone, Thread, ThreadCount, names};

/// Takes the free blocks of the heap away for ever, down to the smallest and up to 256 MiB of them, so that what children allocate comes
/// from the heap's end. Gives how many bytes these were; none where the allocator is not glibc's.
///
/// To be called at the end of a warm-up, and before a [freeze](mod@crate::freeze) or [`reserve_huge_heap`]. It costs the heads of the
/// blocks, which are written; what lies in them is given back to the kernel in whole pages. See `malloc_trim(3)`. Blocks that other
/// threads have freed for themselves are left.
///
/// # After fork
/// Inherited.
pub fn fill_heap_gaps() -> usize {
    let mut filled = 0;
    let end = end_of_use();
    let mut bytes = LARGEST_GAP;
    while bytes >= SMALLEST_GAP && filled < ENOUGH {
        let Some(block) = allocate(bytes) else { break };
        if block.addr() < end {
            filled += bytes;
            continue;
        }
        // SAFETY: needed to give it back: made above, and nobody else's.
        unsafe { libc::free(block) };
        bytes = if bytes > FINE_GAP { FINE_GAP.max(bytes / 2) } else { bytes - GRAIN };
    }
    filled
}

/// Below what glibc maps by itself, in bytes. What is larger is filled by several blocks.
const LARGEST_GAP: usize = 64 << 10;
/// From here on each size is tried, since the allocator keeps a list of each.
const FINE_GAP: usize = SMALLEST_GAP + 63 * GRAIN;
/// What fits into the smallest block, beside its head.
const SMALLEST_GAP: usize = 24;
/// What sizes of blocks differ by.
const GRAIN: usize = 16;
/// More than a sane warm-up leaves, so that a mistake about the end of the heap cannot take all memory.
const ENOUGH: usize = 256 << 20;

/// Where the last block begins, the one that reaches to the end of the heap and that the allocator takes from when nothing else
/// fits; neighbouring free blocks are joined before. Zero where nobody knows.
#[cfg(target_env = "gnu")]
fn end_of_use() -> usize {
    // The end of the heap stays where it is, however much of it is free.
    let keep = usize::MAX >> 1;
    // SAFETY: needed since there are no wrappers. Gives back what is free, tells how much the last block has, and where it ends.
    let (rest, end) = unsafe {
        libc::malloc_trim(keep);
        (libc::mallinfo().keepcost, libc::sbrk(0))
    };
    // The field is an `int`, which is negative from 2 GiB on, and from 4 GiB on begins again: then blocks of the end are taken, too.
    end.addr().saturating_sub(rest.cast_unsigned() as usize)
}

#[cfg(not(target_env = "gnu"))]
fn end_of_use() -> usize {
    0
}

/// Why fresh heap comes in pages of the usual size. The process goes on with it; what the allocator was told before the failure
/// stays told.
#[derive(Debug, thiserror::Error)]
pub enum HugeHeapError {
    /// Other threads: they may allocate meanwhile.
    #[error("the process has {} threads, which may allocate meanwhile: {}", .0.len(), names(.0))]
    Threads(Vec<Thread>),
    /// Threads could not be counted.
    #[error("cannot count the threads of this process; mount /proc")]
    Count(#[source] Errno),
    /// There are none.
    #[error(
        "the kernel gives no huge pages (transparent_hugepage/enabled is never, or memory is fragmented)"
    )]
    Small,
    /// It cannot be told whether there are any.
    #[error("cannot try a huge page")]
    Try(#[source] io::Error),
    /// The allocator is not glibc's, or refuses to be told.
    #[error("this program's allocator is not glibc's, and cannot be made to take all memory from the heap")]
    Allocator,
    /// The end of the heap does not move.
    #[error("cannot move the end of the heap")]
    Break(#[source] Errno),
    /// The area does not fit.
    #[error("cannot enlarge the heap by {0} bytes (RLIMIT_DATA, or vm.overcommit_memory)")]
    Reserve(usize),
    /// The kernel does not want to be told.
    #[error("cannot ask for huge pages (a kernel without them)")]
    Advise(#[source] Errno),
}

impl From<NotAlone> for HugeHeapError {
    fn from(reason: NotAlone) -> Self {
        match reason {
            NotAlone::Threads(threads) => Self::Threads(threads),
            NotAlone::Count(errno) => Self::Count(errno),
        }
    }
}

/// Sets an area of the heap apart, for which the kernel is asked for huge pages, and has `malloc` go on there: children then
/// take one fault for 2 MiB of fresh heap.
///
/// To be called at the end of the warm-up, and after a [freeze](mod@crate::freeze), which would take it apart. The area costs
/// addresses and no memory, until somebody allocates there: then 2 MiB at once. `malloc` takes large requests from it too,
/// instead of mapping them, and gives nothing of it back to the kernel when it is freed (see `mallopt(3)`, `M_MMAP_MAX` and
/// `M_TRIM_THRESHOLD`). What exceeds it comes in pages of the usual size. It counts as data (`RLIMIT_DATA`), and where
/// `vm.overcommit_memory` is 2 as committed memory.
///
/// # Errors
/// [`HugeHeapError`].
///
/// # After fork
/// Inherited; what a child allocates there is its own.
pub fn reserve_huge_heap(bytes: usize) -> Result<(), HugeHeapError> {
    threads::await_one(&ThreadCount::open().map_err(HugeHeapError::Count)?)?;
    if !huge::are_to_be_had().map_err(HugeHeapError::Try)? {
        return Err(HugeHeapError::Small);
    }
    take_all_from_the_heap()?;
    let cushion = allocate(CUSHION).ok_or(HugeHeapError::Reserve(CUSHION))?;
    let end = move_break(0)?;
    let start = end.next_multiple_of(HUGE) - LEAD;
    // There is always a gap, so that the cushion stays apart.
    let gap = if start > end { start - end } else { start + HUGE - end };
    move_break(gap)?;
    // The first request after a break that somebody else has moved can fail in glibc, which has taken notice then.
    let area = allocate(bytes).or_else(|| allocate(bytes)).ok_or(HugeHeapError::Reserve(bytes))?;
    let advised = advise(area, bytes);
    // SAFETY: needed to give it to whoever allocates next. Made above, and nobody else's.
    unsafe { libc::free(area) };
    // SAFETY: the same. It lies below the gap, and stays apart from the area.
    unsafe { libc::free(cushion) };
    advised.map_err(HugeHeapError::Advise)
}

/// How much is left for small requests, in bytes.
const CUSHION: usize = 1 << 20;

/// How much lies before the first boundary: a page, to which the allocator writes its head.
const LEAD: usize = 4096;

#[cfg(target_env = "gnu")]
fn take_all_from_the_heap() -> Result<(), HugeHeapError> {
    for (what, value) in [(libc::M_MMAP_MAX, 0), (libc::M_TRIM_THRESHOLD, -1)] {
        // SAFETY: needed since there is no wrapper for it. Changes how the allocator gets memory, and none that it has.
        if unsafe { libc::mallopt(what, value) } != 1 {
            return Err(HugeHeapError::Allocator);
        }
    }
    Ok(())
}

#[cfg(not(target_env = "gnu"))]
fn take_all_from_the_heap() -> Result<(), HugeHeapError> {
    Err(HugeHeapError::Allocator)
}

/// Where it was before. See `sbrk(2)`.
fn move_break(by: usize) -> Result<usize, HugeHeapError> {
    let by = libc::intptr_t::try_from(by).map_err(|_| HugeHeapError::Break(Errno::ENOMEM))?;
    // SAFETY: needed since there is no wrapper for it. There is one thread, so that no allocator moves it meanwhile. Growing
    // takes nothing from anybody; zero only asks.
    let before = unsafe { libc::sbrk(by) };
    if before.addr() == usize::MAX { Err(HugeHeapError::Break(Errno::last())) } else { Ok(before.addr()) }
}

fn allocate(bytes: usize) -> Option<*mut c_void> {
    // SAFETY: needed since Rust's own allocation may be another allocator's.
    let area = unsafe { libc::malloc(bytes) };
    // Or the compiler leaves out what is never written to.
    let area = black_box(area);
    (!area.is_null()).then_some(area)
}

/// The whole blocks of it.
fn advise(area: *mut c_void, bytes: usize) -> Result<(), Errno> {
    let before = area.addr().next_multiple_of(HUGE) - area.addr();
    let Some(length) = bytes.checked_sub(before).map(|length| length - length % HUGE) else { return Ok(()) };
    // SAFETY: within the area, which is this call's own; the advice changes no content.
    let advised = unsafe { libc::madvise(area.byte_add(before), length, libc::MADV_HUGEPAGE) };
    Errno::result(advised).map(drop)
}
