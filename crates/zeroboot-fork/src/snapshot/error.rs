//! What can go wrong with a snapshot: before there is a child, and in it.

use nix::errno::Errno;

use crate::exit::ExitStatus;
use crate::plan::{ForkError, PrepareError};
use crate::step::StepFailure;

/// Why no snapshot was started. Nothing has changed on the disk, but for what an earlier one may have left.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The path ends in no file's name.
    #[error("the path of a snapshot must end in the name of a file")]
    Name,
    /// The directory.
    #[error("cannot open the directory of the snapshot")]
    Directory(#[source] Errno),
    /// Another snapshot of the same file.
    #[error("a snapshot of this file is being made; start another when it has ended")]
    Running,
    /// The temporary file beside the snapshot.
    #[error("cannot make the temporary file of the snapshot; its directory must be writable")]
    Temporary(#[source] Errno),
    /// A pipe or a pidfd.
    #[error("cannot make the pipes by which parent and child watch each other")]
    Watch(#[source] Errno),
    /// The fork could not be prepared.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The fork.
    #[error(transparent)]
    Fork(#[from] ForkError),
}

/// Which content the name leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// What was there before, if anything was.
    No,
    /// The new content, complete.
    Yes,
}

/// Why a snapshot that was started is not saved. Unless a variant says something else, the name leads to what it led to before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// The child could not be set up.
    #[error(transparent)]
    Step(#[from] StepFailure),
    /// The serialiser said so.
    #[error("the serialiser failed: {message}")]
    Serialise {
        /// Its error and the causes of that, in one line; cut after about 4,000 bytes.
        message: String,
    },
    /// The serialiser panicked.
    #[error("the serialiser panicked: {message}")]
    Panicked {
        /// With these words.
        message: String,
    },
    /// The file took no more, whatever the serialiser made of it.
    #[error("cannot write the snapshot{}", remedy(*errno))]
    Write {
        /// What the kernel answered.
        #[source]
        errno: Errno,
    },
    /// The file did not reach the disk.
    #[error("cannot sync the snapshot{}", remedy(*errno))]
    Sync {
        /// What the kernel answered.
        #[source]
        errno: Errno,
    },
    /// The file could not be given its name.
    #[error("cannot rename the snapshot to its name")]
    Rename(#[source] Errno),
    /// The name leads to the new content, but may not after a crash of the machine.
    #[error("cannot sync the directory of the snapshot, which is in its place")]
    SyncDirectory(#[source] Errno),
    /// The child ended without a word: somebody killed it, or the kernel did.
    #[error("the child ended before it reported anything: {status:?}")]
    Ended {
        /// How; `None` when somebody else in this process has collected it.
        status: Option<ExitStatus>,
        /// It may have been about to say that all was done.
        replaced: Replaced,
    },
    /// The child could not be watched, or not killed. It may still run.
    #[error("cannot watch or end the child")]
    Child(#[source] Errno),
}

fn remedy(errno: Errno) -> &'static str {
    match errno {
        Errno::ENOSPC => ": the file system is full (beside the old content it needs room for the new one)",
        Errno::EDQUOT => ": the quota is used up",
        Errno::EFBIG => ": the file would be larger than RLIMIT_FSIZE or the file system allows",
        _ => "",
    }
}
