//! What a freeze did, what it left alone, and why it failed.

use std::fmt;
use std::io;

use nix::errno::Errno;

use super::moved::Moved;
use super::standstill::StandstillError;

/// What a freeze has done. All of it is about this one call: an earlier freeze has a report of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frozen {
    /// How many mappings the process had.
    pub mappings_before: usize,
    /// How many it has.
    pub mappings_after: usize,
    /// The length of the memory that is now mapped from the file, in bytes.
    pub bytes: u64,
    /// How much of it was written to the file, in bytes: the rest was absent or zero, and takes no memory.
    pub written: u64,
    /// What is now mapped from the file, by address, as it was called before.
    pub moved: Vec<Moved>,
    /// Mappings with anonymous pages that were left alone, wholly or in part, by address.
    pub skipped: Vec<Skipped>,
}

/// Anonymous memory that was left as it was: forks copy its page tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skipped {
    /// The first byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// How much anonymous memory is in it, in bytes; at most, where only a part of a mapping was left alone.
    pub bytes: u64,
    /// Why.
    pub reason: SkipReason,
}

/// Why memory was left as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SkipReason {
    /// A stack: it is in use, or it grows, which only anonymous memory does.
    Stack,
    /// The thread's control block, and what lies around it: the kernel itself writes there at any time (`rseq(2)`), and
    /// libc at each failed call.
    ThreadControlBlock,
    /// Children rewrite it: see [`WriteHeavy`](super::WriteHeavy).
    WriteHeavy,
    /// So few pages that may only be read, such as a library's tables, that the fault of each child which reads them would cost more
    /// than their entries cost each fork.
    Few,
    /// Its protection forbids reading.
    NotReadable,
    /// Its protection allows reading, and reading failed: a guard region, or a file that was cut.
    ReadFailed,
    /// `MADV_DONTFORK`: no fork has it.
    NotInherited,
    /// `MADV_WIPEONFORK`: each fork finds zeroes, which a file cannot do.
    WipedOnFork,
    /// `mlock(2)`: a new mapping would have to be locked anew, and may not.
    Locked,
    /// `userfaultfd(2)`: somebody else serves its faults.
    Userfaultfd,
    /// `hugetlbfs`: another size of page.
    HugePages,
    /// The kernel's or a device's.
    Device,
    /// `mseal(2)`: it cannot be replaced.
    Sealed,
    /// A protection key that is not the default, see `pkeys(7)`.
    ProtectionKey,
    /// Memory tags or guarded branches (arm64): a file does not keep them, or its mapping does not.
    Tagged,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stack => "a stack",
            Self::ThreadControlBlock => "the thread's control block",
            Self::WriteHeavy => "children rewrite it",
            Self::Few => "it is too little to be worth a fault",
            Self::NotReadable => "it may not be read",
            Self::ReadFailed => "it could not be read",
            Self::NotInherited => "MADV_DONTFORK",
            Self::WipedOnFork => "MADV_WIPEONFORK",
            Self::Locked => "mlock",
            Self::Userfaultfd => "userfaultfd",
            Self::HugePages => "hugetlbfs",
            Self::Device => "the kernel's, or a device's",
            Self::Sealed => "mseal",
            Self::ProtectionKey => "a protection key",
            Self::Tagged => "memory tags, or guarded branches",
        })
    }
}

/// Why a process is not frozen, or not wholly.
///
/// The process goes on in any case: memory is moved piece by piece, and each piece has the same content before and
/// after. Errors that come in the middle tell by `frozen` what was moved.
#[derive(Debug, thiserror::Error)]
pub enum FreezeError {
    /// Something else might write to the memory, or it cannot be looked at.
    #[error(transparent)]
    Standstill(#[from] StandstillError),
    /// No file.
    #[error("cannot make a file in memory{}", why_no_file(.0))]
    File(#[source] Errno),
    /// The page table could not be read in the middle.
    #[error("cannot read /proc/self/pagemap")]
    PageTable {
        /// What the kernel answered.
        #[source]
        errno: Errno,
        /// What was moved before.
        frozen: Box<Frozen>,
    },
    /// The file could not grow.
    #[error("cannot enlarge the file in memory{}", why_no_room(*.errno))]
    Grow {
        /// What the kernel answered.
        #[source]
        errno: Errno,
        /// What was moved before.
        frozen: Box<Frozen>,
    },
    /// Memory could not be written to the file.
    #[error("cannot copy memory to the file{}", why_no_room(*.errno))]
    Copy {
        /// What the kernel answered.
        #[source]
        errno: Errno,
        /// What was moved before.
        frozen: Box<Frozen>,
    },
    /// The file could not be mapped over the memory.
    #[error("cannot map the file over the memory{}", why_not_mapped(*.errno))]
    Swap {
        /// What the kernel answered.
        #[source]
        errno: Errno,
        /// What was moved before.
        frozen: Box<Frozen>,
    },
    /// What is empty between moved memory could not be made so in the page table.
    #[error("cannot clear the page table between what was moved{}", why_not_mapped(*.errno))]
    Clear {
        /// What the kernel answered.
        #[source]
        errno: Errno,
        /// What was moved before.
        frozen: Box<Frozen>,
    },
    /// What the kernel was told about a mapping could not be told again. That mapping is moved.
    #[error("cannot repeat what the kernel was told about a mapping by madvise")]
    Advise {
        /// What the kernel answered.
        #[source]
        errno: Errno,
        /// What was moved.
        frozen: Box<Frozen>,
    },
    /// The file could not be sealed. All is moved.
    #[error("cannot seal the file in memory")]
    Seal {
        /// What the kernel answered.
        #[source]
        errno: Errno,
        /// What was moved.
        frozen: Box<Frozen>,
    },
}

impl FreezeError {
    pub(super) fn memory(errno: Errno) -> Self {
        Self::Standstill(StandstillError::Memory(errno))
    }

    pub(super) fn listing(error: io::Error) -> Self {
        Self::mappings(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
    }

    pub(super) fn mappings(errno: Errno) -> Self {
        Self::Standstill(StandstillError::Mappings(errno))
    }
}

/// A step in the middle that failed: what can be said without an allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Halt {
    PageTable(Errno),
    Grow(Errno),
    Copy(Errno),
    Swap(Errno),
    Clear(Errno),
    Advise(Errno),
    Seal(Errno),
}

impl Halt {
    pub(super) fn after(self, frozen: Frozen) -> FreezeError {
        let frozen = Box::new(frozen);
        match self {
            Self::PageTable(errno) => FreezeError::PageTable { errno, frozen },
            Self::Grow(errno) => FreezeError::Grow { errno, frozen },
            Self::Copy(errno) => FreezeError::Copy { errno, frozen },
            Self::Swap(errno) => FreezeError::Swap { errno, frozen },
            Self::Clear(errno) => FreezeError::Clear { errno, frozen },
            Self::Advise(errno) => FreezeError::Advise { errno, frozen },
            Self::Seal(errno) => FreezeError::Seal { errno, frozen },
        }
    }
}

fn why_no_file(errno: &Errno) -> &'static str {
    match errno {
        Errno::EMFILE => " (RLIMIT_NOFILE)",
        Errno::ENFILE => " (fs.file-max)",
        Errno::ENOSYS => " (a kernel before 3.17, or a filter that hides memfd_create)",
        _ => "",
    }
}

fn why_no_room(errno: Errno) -> &'static str {
    match errno {
        Errno::EFBIG => " (RLIMIT_FSIZE: raise it to the size of the process)",
        Errno::ENOMEM | Errno::ENOSPC => " (memory: the limit of the cgroup, or vm.overcommit_memory)",
        _ => "",
    }
}

fn why_not_mapped(errno: Errno) -> &'static str {
    match errno {
        Errno::ENOMEM => " (vm.max_map_count, RLIMIT_AS, or vm.overcommit_memory)",
        Errno::EACCES | Errno::EPERM => " (a security module forbids it, or mseal)",
        _ => "",
    }
}
