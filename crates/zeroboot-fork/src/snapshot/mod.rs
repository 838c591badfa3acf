//! Saving a point in time while the process goes on: a forked child serialises what it has inherited into a file.
//!
//! The fork is the point in time. Whatever the parent writes afterwards, the child sees the memory of that moment; the
//! kernel copies each page that the parent writes meanwhile, once. The file appears under its name whole or not at all.
//!
//! ```
//! use zeroboot_fork::snapshot::{Snapshot, SnapshotOptions};
//! use std::io::Write;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("numbers");
//! let mut numbers = vec![1_u8, 2, 3];
//! let mut snapshot = Snapshot::start(&path, &SnapshotOptions::default(), |out| out.write_all(&numbers))?;
//! numbers[0] = 9; // goes on at once: the file will have the 1
//! let saved = snapshot.wait()?; // or: poll it, then `try_wait`
//! assert_eq!(std::fs::read(&path)?, [1, 2, 3]);
//! assert_eq!(saved.written.0, 3);
//! # Ok(())
//! # }
//! ```
//!
//! # The file
//!
//! The child writes to `.NAME.snapshot` in the directory of `NAME`, and then: `fsync` of the file, `rename` to its name,
//! `fsync` of the directory. So the name leads to the old content or to the new one, each complete, also after a crash of the
//! machine. Where the name was a symbolic link, the link is replaced.
//!
//! The temporary file has a name since `rename` needs one: a file without one (`O_TMPFILE`) can be linked, but not in the place
//! of another. It has always the same name, and whoever writes it holds its lock (`flock(2)`):
//!
//! - There is **one snapshot of a file at a time**, whichever process makes it; a second start is
//!   [`StartError::Running`]. Nothing is queued: whoever wants another one starts it when the first has ended.
//! - A snapshot that fails, is cancelled or killed takes its temporary file away, once the parent looks
//!   ([`Snapshot::wait`], [`try_wait`](Snapshot::try_wait), [`cancel`](Snapshot::cancel), or dropping it).
//! - When the parent has ended too, without looking, the file stays, without a lock, and the next snapshot of the same name removes
//!   it. So there is never more than one.
//!
//! The lock is that of the open file, which other children of the parent inherit: one of them that outlives a killed
//! parent and has executed nothing keeps it until it ends.
//!
//! # The child
//!
//! It is made by `fork(3)` ([`Way::Libc`](crate::Way)), since serialisers allocate: ordinary code may run in it. It has one
//! thread; [`Snapshot::start`] refuses to fork a process that has more.
//!
//! | | in the child |
//! |---|---|
//! | memory | that of the moment of the fork; what the serialiser changes stays in the child. Not so are shared mappings, which go on changing, and `MADV_DONTFORK` and `MADV_WIPEONFORK` (`madvise(2)`) |
//! | descriptors | the standard streams stay; every other one answers `EBADF` ([`Descriptors::Hide`]), so that a connection that the parent closes is closed, and no end of a pipe stays open |
//! | signals | handlers are set to their defaults, what is ignored stays ignored, the mask is the caller's; `SIGXFSZ` is ignored, so that a file limit is an error |
//! | death | `SIGKILL` when the thread that started it ends (`PR_SET_PDEATHSIG`): a thread that starts snapshots lives as long as they do |
//! | priority | the caller's, or the lowest ([`Priority::Lowest`]) |
//! | the end | by `_exit`: no destructor, no exit handler, no flush. Unflushed text is not written twice, unless the serialiser writes to the same stream |
//!
//! The serialiser may not wait for the parent (which does not know of it), and a lock that was held at the fork is
//! held for ever. A panic is told as [`SnapshotError::Panicked`]; nothing unwinds into the copied frames.
//!
//! # What it costs
//!
//! The parent stops for the fork, for some 10 ms with each GiB that is not [frozen](mod@crate::freeze); see
//! [`Snapshot::fork_time`]. Afterwards each first write of a page is a fault and a copy, as long as the child lives. How many,
//! says [`Saved::copied`].
//!
//! Never here: what the content means, when to save, and how many files to keep.

mod child;
mod copied;
mod draft;
mod error;
mod handle;
mod report;
mod save;
mod writer;

use std::time::Duration;

pub use error::{Replaced, SnapshotError, StartError};
pub use handle::{Cancelled, Snapshot};
pub use writer::SnapshotWriter;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(pub u64);

/// How a snapshot is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SnapshotOptions {
    /// How long the file will be, for [`Progress`]; nothing else depends on it.
    pub expected: Option<Bytes>,
    /// How much the child stands back.
    pub priority: Priority,
    /// What the serialiser has of the parent's descriptors.
    pub descriptors: Descriptors,
}

/// How much the child stands back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Priority {
    /// As its parent.
    #[default]
    Caller,
    /// Nice 19, from which the kernel also derives the lowest priority on a disk. See `setpriority(2)`.
    Lowest,
}

/// What the serialiser has of the parent's descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Descriptors {
    /// The standard streams only. The numbers of the others stay taken and answer `EBADF`, so that a value which owns one
    /// never means another file.
    #[default]
    Hide,
    /// All: for state that lies in files too. Connections that the parent closes stay open until the child ends, and file
    /// offsets are shared with the parent.
    Keep,
}

/// How far a snapshot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is in the file. It grows by the writer's buffer, and never shrinks.
    pub written: Bytes,
    /// [`SnapshotOptions::expected`].
    pub expected: Option<Bytes>,
}

/// A snapshot that is under its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    /// The length of the file.
    pub written: Bytes,
    /// What writes to shared pages have copied while the child lived; `None` where `/proc/self/pagemap` cannot be opened,
    /// as in a process that is not dumpable.
    ///
    /// Counted by the child as the last thing it does, from both page tables: a page is copied when the parent has it for
    /// itself, and the child has one in the same place. So it counts what the parent has written, and what the *child* has
    /// written of inherited memory: its stack, the allocator's own, values whose reference counts it has touched. It does not
    /// count memory that the parent has let go of, files and shared memory, what is swapped out, and pages that are also shared
    /// with a third process that has them from the child.
    pub copied: Option<Bytes>,
    /// From the fork until the file was safe under its name.
    pub took: Duration,
}
