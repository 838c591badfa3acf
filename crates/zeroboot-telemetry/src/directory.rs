//! A process's directory in `/proc`, and its files as they are.

use std::ffi::CStr;
use std::io::{Cursor, Write};
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, read};

use crate::error::{SampleError, Source};

/// How much is read of a file. The process decides how long its `maps` is, up to hundreds of megabytes: some 65,000 mappings
/// with names of up to 4,096 bytes each. One of 40,000 mappings with ordinary names fits.
const MOST_TEXT: usize = 4 << 20;

/// How much of a file is read at once, in bytes: a page, which is what the kernel gives of the longer ones.
const PIECE: usize = 4096;

/// Open, it stands for one process, whoever gets the number later.
#[derive(Debug)]
pub(crate) struct Directory {
    pid: Pid,
    directory: OwnedFd,
}

impl Directory {
    pub(crate) fn of(pid: Pid) -> Result<Self, SampleError> {
        let failed = |errno| SampleError::new(pid, Source::Directory, errno);
        let mut path = Cursor::new([0_u8; 24]);
        // A path has room for a number of 13 digits.
        let written = write!(path, "/proc/{pid}");
        written.map_err(|_| failed(Errno::ENAMETOOLONG))?;
        let length = usize::try_from(path.position()).unwrap_or_default();
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let directory = open(&path.get_ref()[..length], flags, Mode::empty()).map_err(failed)?;
        Ok(Self { pid, directory })
    }

    /// Opens one of its files.
    pub(crate) fn open(&self, source: Source) -> Result<OwnedFd, Errno> {
        openat(&self.directory, source.file(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
    }

    /// Reads one of its files in place of what `text` holds.
    pub(crate) fn read(&self, source: Source, text: &mut Vec<u8>) -> Result<(), SampleError> {
        self.open(source).and_then(|file| read_all(&file, text)).map_err(|errno| self.error(source, errno))
    }

    pub(crate) fn error(&self, source: Source, errno: Errno) -> SampleError {
        SampleError::new(self.pid, source, errno)
    }
}

/// Reads to the end of a file, in place of what `text` holds. `EFBIG`: it is longer than [`MOST_TEXT`].
pub(crate) fn read_all(file: &OwnedFd, text: &mut Vec<u8>) -> Result<(), Errno> {
    text.clear();
    loop {
        let length = text.len();
        if length > MOST_TEXT {
            text.clear();
            return Err(Errno::EFBIG);
        }
        text.resize(length + PIECE, 0);
        match read(file, &mut text[length..]) {
            Err(Errno::EINTR) => text.truncate(length),
            Err(errno) => {
                text.clear();
                return Err(errno);
            }
            Ok(more) => {
                text.truncate(length + more);
                if more == 0 {
                    return Ok(());
                }
            }
        }
    }
}

impl Source {
    const fn file(self) -> &'static CStr {
        match self {
            Self::Directory => c".",
            Self::Stat => c"stat",
            Self::Status => c"status",
            Self::Maps => c"maps",
            Self::Pagemap => c"pagemap",
            Self::SmapsRollup => c"smaps_rollup",
        }
    }
}
