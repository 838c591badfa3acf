//! Before memory is moved: nothing else writes to it, and its mappings are known.
//!
//! Never here: the move.

use std::io;
use std::ops::Range;

use nix::errno::Errno;
use nix::unistd::{SysconfVar, sysconf};

use super::area::List;
use super::select::{self, Candidate, Lines, SelectFailure};
use crate::audit;
use crate::child::set_mask;
use crate::plan::block_signals;
use crate::threads::{self, NotAlone, Thread, ThreadCount, names};

/// Why memory of this process cannot be moved: something else might write to it, or it cannot be looked at. Nothing has
/// changed.
#[derive(Debug, thiserror::Error)]
pub enum StandstillError {
    /// Other threads: what they write meanwhile would be lost.
    #[error("the process has {} threads, and what others write during a move of its memory is lost: {}", .0.len(), names(.0))]
    Threads(Vec<Thread>),
    /// Threads could not be counted.
    #[error("cannot count the threads of this process; mount /proc")]
    Count(#[source] Errno),
    /// Descriptors could not be read.
    #[error("cannot read /proc/self/fd, by which rings are found; mount /proc")]
    Descriptors(#[source] io::Error),
    /// A ring of `io_uring(7)` or `io_setup(2)`: the kernel would go on writing to pages that the process no longer
    /// has.
    #[error(
        "a ring of asynchronous input and output is open, through which the kernel may write to memory at any time; tear \
         it down, and move memory before pages are kept for copying"
    )]
    KernelWrites,
    /// Signals could not be blocked.
    #[error("cannot block signals")]
    Signals(#[source] Errno),
    /// No memory for what has to be remembered meanwhile.
    #[error("cannot map memory for the move itself")]
    Memory(#[source] Errno),
    /// Mappings could not be read.
    #[error("cannot read /proc/self/smaps and /proc/self/pagemap{}", why_unreadable(.0))]
    Mappings(#[source] Errno),
}

impl From<NotAlone> for StandstillError {
    fn from(reason: NotAlone) -> Self {
        match reason {
            NotAlone::Threads(threads) => Self::Threads(threads),
            NotAlone::Count(errno) => Self::Count(errno),
        }
    }
}

/// This process with nothing going on in it, from [`begin`](Self::begin) until it is dropped.
pub(super) struct Standstill {
    pub(super) page: u64,
    /// How many mappings there were before.
    pub(super) mappings: usize,
    /// How many may be found.
    pub(super) capacity: usize,
    candidates: List<Candidate>,
    text: Lines,
    quiet: Option<Quiet>,
}

impl Standstill {
    /// Makes sure that nobody else is there, and room for what is found.
    pub(super) fn prepare() -> Result<Self, StandstillError> {
        let count = ThreadCount::open().map_err(StandstillError::Count)?;
        threads::await_one(&count)?;
        if audit::has_rings().map_err(StandstillError::Descriptors)? {
            return Err(StandstillError::KernelWrites);
        }
        let page = page_size().map_err(StandstillError::Memory)?;
        let mappings = count_mappings()?;
        // The lists add mappings of their own.
        let capacity = mappings + 64;
        let candidates = List::with_capacity(capacity).map_err(StandstillError::Memory)?;
        let text = Lines::of("/proc/self/smaps").map_err(StandstillError::Mappings)?;
        Ok(Self { page, mappings, capacity, candidates, text, quiet: None })
    }

    /// Blocks signals, and finds the private mappings that are wanted. From here on nothing may allocate.
    pub(super) fn begin(&mut self, is_wanted: impl Fn(&Candidate) -> bool) -> Result<(), StandstillError> {
        let quiet = Quiet::begin().map_err(StandstillError::Signals)?;
        let stack = (&raw const quiet).addr() as u64;
        self.quiet = Some(quiet);
        let selected = select::select(&mut self.candidates, &mut self.text, stack, is_wanted);
        selected.map_err(|failure| match failure {
            SelectFailure::Read(errno) => StandstillError::Mappings(errno),
            SelectFailure::KernelWrites => StandstillError::KernelWrites,
        })
    }

    pub(super) fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// Where libc and the kernel write without being asked, in the mapping that has it: `errno`, the thread's control
    /// block, and what is registered by `rseq(2)`, which some C libraries keep before all thread-local variables and some
    /// in the control block. Empty if that mapping is no candidate.
    pub(super) fn around_this_thread(&self) -> Range<u64> {
        /// In bytes, on each side; few enough to be of no account for a fork.
        const AROUND: u64 = 16 << 10;
        // SAFETY: needed to know the addresses. No precondition; nothing is read or written.
        let (block, errno) = unsafe { (libc::pthread_self() as u64, libc::__errno_location().addr() as u64) };
        let (first, last) = (block.min(errno), block.max(errno));
        let start = first.saturating_sub(AROUND);
        let around = start - start % self.page..(last + AROUND).next_multiple_of(self.page);
        let home = self.candidates.iter().find(|candidate| (candidate.start..candidate.end).contains(&block));
        home.map_or(0..0, |home| around.start.max(home.start)..around.end.min(home.end))
    }
}

pub(super) fn count_mappings() -> Result<usize, StandstillError> {
    Lines::of("/proc/self/maps").and_then(Lines::count).map_err(StandstillError::Mappings)
}

fn page_size() -> Result<u64, Errno> {
    let page = sysconf(SysconfVar::PAGE_SIZE)?.ok_or(Errno::EINVAL)?;
    u64::try_from(page).map_err(|_| Errno::EINVAL)
}

fn why_unreadable(errno: &Errno) -> &'static str {
    match errno {
        Errno::ENOENT => " (mount /proc)",
        Errno::EACCES | Errno::EPERM => " (move memory before the process becomes non-dumpable)",
        _ => "",
    }
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
