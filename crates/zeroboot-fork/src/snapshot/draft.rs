//! The temporary file: made, locked, given its final name, or taken away.
//!
//! Never here: the content.

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat, renameat};
use nix::sys::stat::{Mode, fstat, fstatat};
use nix::unistd::{UnlinkatFlags, fsync, unlinkat};

use super::error::{Replaced, StartError};
use super::writer::errno_of;

/// The file that is to become the snapshot. Whoever has made it holds its lock until [`release`](Self::release), or until
/// every process that has inherited it is gone.
#[derive(Debug)]
pub(super) struct Draft {
    directory: OwnedFd,
    name: OsString,
    temporary: OsString,
    pub(super) file: File,
}

impl Draft {
    /// Makes the temporary file for `path`, empty and locked; one that nobody holds any more is removed first.
    pub(super) fn claim(path: &Path) -> Result<Self, StartError> {
        let name = path.file_name().ok_or(StartError::Name)?.to_owned();
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        // To be synced, so it is opened for reading.
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let directory = open(parent.unwrap_or(Path::new(".")), flags, Mode::empty());
        let directory = directory.map_err(StartError::Directory)?;
        let mut temporary = OsString::from(".");
        temporary.push(&name);
        temporary.push(".snapshot");
        let file = loop {
            match create(&directory, &temporary) {
                Ok(file) => {
                    if let Err(error) = lock(&file) {
                        if let StartError::Temporary(_) = error {
                            // No lock is to be had here, and nothing shall stay.
                            let _ = unlinkat(&directory, &*temporary, UnlinkatFlags::NoRemoveDir);
                        }
                        return Err(error);
                    }
                    // Whoever has locked it in between took it for a left one, and removed it.
                    if is_at(&directory, &temporary, &file).map_err(StartError::Temporary)? {
                        break file;
                    }
                }
                Err(Errno::EEXIST) => remove_left(&directory, &temporary)?,
                Err(errno) => return Err(StartError::Temporary(errno)),
            }
        };
        Ok(Self { directory, name, temporary, file })
    }

    /// How many bytes it has.
    pub(super) fn length(&self) -> Result<u64, Errno> {
        fstat(&self.file).map(|status| status.st_size.unsigned_abs())
    }

    /// The descriptors that the child needs.
    pub(super) fn descriptors(&self) -> [RawFd; 2] {
        [self.directory.as_raw_fd(), self.file.as_raw_fd()]
    }

    /// Writes all of it to the disk.
    pub(super) fn sync(&self) -> Result<(), Errno> {
        fsync(&self.file)
    }

    /// Puts it in the place of what has its final name.
    pub(super) fn rename(&self) -> Result<(), Errno> {
        renameat(&self.directory, &*self.temporary, &self.directory, &*self.name)
    }

    /// Writes the new name to the disk.
    pub(super) fn sync_directory(&self) -> Result<(), Errno> {
        fsync(&self.directory)
    }

    /// Whether it has its final name.
    pub(super) fn replaced(&self) -> Replaced {
        match is_at(&self.directory, &self.name, &self.file) {
            Ok(true) => Replaced::Yes,
            _ => Replaced::No,
        }
    }

    /// Removes its temporary name, if it still has it, and lets it go.
    pub(super) fn withdraw(&self) {
        // Where this fails the file stays, without a lock, and the next snapshot tries again.
        if let Ok(true) = is_at(&self.directory, &self.temporary, &self.file) {
            let _ = unlinkat(&self.directory, &*self.temporary, UnlinkatFlags::NoRemoveDir);
        }
        self.release();
    }

    /// Lets it go, for other children of this process too, which have inherited the lock.
    pub(super) fn release(&self) {
        // It goes with the last descriptor in any case.
        let _ = self.file.unlock();
    }
}

fn create(directory: &OwnedFd, name: &OsStr) -> Result<File, Errno> {
    let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
    // Less the umask, as for any new file.
    openat(directory, name, flags, Mode::from_bits_truncate(0o666)).map(File::from)
}

/// Removes what a process that is gone has left. Not used again: it may be anybody's, in a directory that all may write to.
fn remove_left(directory: &OwnedFd, name: &OsStr) -> Result<(), StartError> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let left = match openat(directory, name, flags, Mode::empty()) {
        Ok(left) => File::from(left),
        Err(Errno::ENOENT) => return Ok(()),
        Err(errno) => return Err(StartError::Temporary(errno)),
    };
    lock(&left)?;
    // Under its lock it cannot be renamed meanwhile; before, it may have been.
    if is_at(directory, name, &left).map_err(StartError::Temporary)? {
        unlinkat(directory, name, UnlinkatFlags::NoRemoveDir).map_err(StartError::Temporary)?;
    }
    Ok(())
}

fn lock(file: &File) -> Result<(), StartError> {
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => StartError::Running,
        TryLockError::Error(error) => StartError::Temporary(errno_of(&error)),
    })
}

/// Whether this name leads to this file.
fn is_at(directory: &OwnedFd, name: &OsStr, file: &File) -> Result<bool, Errno> {
    let own = fstat(file)?;
    match fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(there) => Ok((there.st_dev, there.st_ino) == (own.st_dev, own.st_ino)),
        Err(Errno::ENOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}
