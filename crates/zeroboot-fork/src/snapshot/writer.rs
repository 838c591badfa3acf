//! What a serialiser writes to: a buffer in front of the temporary file.
//!
//! Never here: seeking. A file that only grows tells its progress by its length.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use nix::errno::Errno;

use super::Bytes;
use super::error::SnapshotError;

/// Where the serialiser writes to; it is buffered already.
///
/// The first failure of the file is remembered: such a snapshot fails with [`SnapshotError::Write`] whatever the
/// serialiser answers.
#[derive(Debug)]
pub struct SnapshotWriter<'a>(BufWriter<Sink<'a>>);

/// Enough that system calls do not count.
const BUFFER: usize = 256 << 10;

impl<'a> SnapshotWriter<'a> {
    pub(super) fn new(file: &'a File) -> Self {
        Self(BufWriter::with_capacity(BUFFER, Sink { file, failure: None, written: 0 }))
    }

    /// What was given to it, flushed or not.
    #[must_use]
    pub fn written(&self) -> Bytes {
        Bytes(self.0.get_ref().written + self.0.buffer().len() as u64)
    }

    /// What the file has answered, if it has failed.
    pub(super) fn failure(&self) -> Option<SnapshotError> {
        self.0.get_ref().failure.map(|errno| SnapshotError::Write { errno })
    }
}

impl Write for SnapshotWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    /// Hands over what is buffered, so that [`Snapshot::progress`](super::Snapshot::progress) shows it. Not needed.
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[derive(Debug)]
struct Sink<'a> {
    file: &'a File,
    failure: Option<Errno>,
    written: u64,
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.file.write(bytes) {
            Ok(length) => {
                self.written += length as u64;
                Ok(length)
            }
            // The buffer tries again.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                self.failure.get_or_insert(errno_of(&error));
                Err(error)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the kernel answered.
pub(super) fn errno_of(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}
