//! Copies the files of a sandbox's working directory to a directory of the host, when everything in the sandbox has ended.
//!
//! The warden sends the directory along with its last report: nothing lives that could change it any more. What is in it is
//! hostile all the same: names, links, depths, sizes, permissions. `walk` reads it, `destination` writes.
//!
//! Never here: following a link on either side, and reading or writing what is not a regular file.

mod destination;
mod walk;

use std::fmt;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use zeroboot_isolation::policy::Bytes;

use super::error::RunError;
use destination::Destination;
use walk::Walk;

/// How much is copied out of a working directory at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CollectLimits {
    /// How many files.
    pub files: u64,
    /// How much they hold, all together.
    pub bytes: Bytes,
    /// How long it may take.
    pub time: Duration,
}

impl CollectLimits {
    /// How many files are copied unless something else is said.
    pub const FILES: u64 = 10_000;

    /// How much is copied unless something else is said.
    pub const BYTES: Bytes = Bytes::mebi(1024);

    /// How long copying may take unless something else is said.
    pub const TIME: Duration = Duration::from_secs(60);

    /// How many directories may lie in one another: what lies deeper is left out.
    pub const DEPTH: usize = 64;
}

impl Default for CollectLimits {
    fn default() -> Self {
        Self { files: Self::FILES, bytes: Self::BYTES, time: Self::TIME }
    }
}

/// What was copied out of a working directory, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Collected {
    /// The files that were copied.
    pub files: Vec<CollectedFile>,
    /// What was left out, the first [`Collected::MOST_LEFT_OUT`] of it.
    pub left_out: Vec<LeftOut>,
    /// How much more was.
    pub more_left_out: u64,
}

/// A file that was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectedFile {
    /// Where, below the working directory and below the directory of the host. The sandbox chose the name: it may hold
    /// anything but a NUL byte, line ends included, and need not be Unicode.
    pub path: PathBuf,
    /// How much it holds.
    pub bytes: Bytes,
}

/// Something that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its path below the working directory; empty for the working directory as a whole.
    pub path: PathBuf,
    /// Why.
    pub why: WhyLeftOut,
}

/// Why something was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhyLeftOut {
    /// It is a link.
    Link,
    /// It is a pipe, a socket or a device.
    Special,
    /// There were too many files before it.
    TooManyFiles,
    /// With it there would be too many bytes.
    TooManyBytes,
    /// It lies too deep.
    TooDeep,
    /// The time was over.
    TooSlow,
    /// The sandbox or its warden ended in a way that left nothing to copy.
    Lost,
    /// A link lies in its place, or on the way there, in the directory of the host.
    InTheWay,
    /// It could not be read or written.
    Failed(std::io::ErrorKind),
}

impl fmt::Display for WhyLeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link => f.write_str("it is a symbolic link"),
            Self::Special => f.write_str("it is a pipe, a socket or a device"),
            Self::TooManyFiles => f.write_str("there are too many files"),
            Self::TooManyBytes => f.write_str("there are too many bytes"),
            Self::TooDeep => f.write_str("it lies too deep"),
            Self::TooSlow => f.write_str("copying took too long"),
            Self::Lost => f.write_str("the sandbox's files could not be had"),
            Self::InTheWay => f.write_str("a symbolic link is in the way"),
            Self::Failed(kind) => write!(f, "{kind}"),
        }
    }
}

impl From<Errno> for WhyLeftOut {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::ELOOP => Self::InTheWay,
            Errno::ENAMETOOLONG => Self::TooDeep,
            errno => Self::Failed(std::io::Error::from(errno).kind()),
        }
    }
}

impl Collected {
    /// How much of what was left out is listed.
    pub const MOST_LEFT_OUT: usize = 1000;

    /// Whether everything was copied.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.left_out.is_empty()
    }

    fn leave_out(&mut self, path: PathBuf, why: WhyLeftOut) {
        if self.left_out.len() < Self::MOST_LEFT_OUT {
            self.left_out.push(LeftOut { path, why });
        } else {
            self.more_left_out += 1;
        }
    }
}

/// More than anybody waits: what is added to the time of day must be bounded.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A directory of the host that is ready for files.
#[derive(Debug)]
pub(super) struct Collection {
    destination: Destination,
    limits: CollectLimits,
}

impl Collection {
    /// Makes and opens the directory.
    pub(super) fn open(path: PathBuf, limits: CollectLimits) -> Result<Self, RunError> {
        match Destination::open(&path) {
            Ok(destination) => Ok(Self { destination, limits }),
            Err(source) => Err(RunError::Collect { path, source }),
        }
    }

    /// Copies what lies in a directory that nobody uses any more, but for what is shown at these places.
    pub(super) fn collect(self, files: Option<OwnedFd>, shown: &[PathBuf]) -> Collected {
        let Some(files) = files else {
            let mut collected = Collected::default();
            collected.leave_out(PathBuf::new(), WhyLeftOut::Lost);
            return collected;
        };
        let until = Instant::now() + self.limits.time.min(LONGEST);
        Walk::new(&self.destination, self.limits, until, shown).all(files)
    }
}
