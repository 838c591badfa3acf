//! Reads what a sandbox has left in its working directory, one entry after the other, each by its directory's descriptor.
//!
//! The sandbox was the owner of all of it and may have taken every permission away, from this process as well where both have
//! one user id: they are given back, since the file system is about to vanish.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions};
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat};
use zeroboot_isolation::policy::Bytes;

use super::destination::{Destination, Place};
use super::{CollectLimits, Collected, CollectedFile, WhyLeftOut};

/// How much is copied before the clock is looked at again, in bytes.
const PIECE: u64 = 8 << 20;

/// The longest path that is listed, in bytes: what is longer could not be opened by its name.
const LONGEST_PATH: usize = 4096;

pub(super) struct Walk<'a> {
    destination: &'a Destination,
    /// What is left of them.
    files: u64,
    bytes: u64,
    until: Instant,
    shown: &'a [PathBuf],
    collected: Collected,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        destination: &'a Destination,
        limits: CollectLimits,
        until: Instant,
        shown: &'a [PathBuf],
    ) -> Self {
        let (files, bytes) = (limits.files, limits.bytes.0);
        Self { destination, files, bytes, until, shown, collected: Collected::default() }
    }

    /// Copies what it can of this directory and of all below it.
    pub(super) fn all(mut self, directory: OwnedFd) -> Collected {
        let top = self.destination.top();
        if let Err(why) = self.directory(directory, &top, Path::new(""), 0) {
            self.collected.leave_out(PathBuf::new(), why);
        }
        self.collected
    }

    fn directory(
        &mut self,
        directory: OwnedFd,
        place: &Place<'_>,
        path: &Path,
        depth: usize,
    ) -> Result<(), WhyLeftOut> {
        if depth > CollectLimits::DEPTH {
            return Err(WhyLeftOut::TooDeep);
        }
        fchmod(&directory, Mode::S_IRWXU)?;
        for name in names(&directory)? {
            let path = path.join(&name);
            if path.as_os_str().len() > LONGEST_PATH {
                // By the name of its directory: its own would be too long to be listed.
                self.collected.leave_out(path.parent().unwrap_or(&path).to_owned(), WhyLeftOut::TooDeep);
                continue;
            }
            if self.shown.contains(&path) {
                continue;
            }
            if let Err(why) = self.entry(directory.as_fd(), &name, place, &path, depth) {
                self.collected.leave_out(path, why);
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        directory: BorrowedFd<'_>,
        name: &OsStr,
        place: &Place<'_>,
        path: &Path,
        depth: usize,
    ) -> Result<(), WhyLeftOut> {
        if Instant::now() >= self.until {
            return Err(WhyLeftOut::TooSlow);
        }
        let entry = open_entry(directory, name, OFlag::O_PATH)?;
        let status = fstat(&entry)?;
        match SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT {
            SFlag::S_IFDIR => {
                allow(&entry, 0o700)?;
                let below = open_entry(directory, name, OFlag::O_RDONLY | OFlag::O_DIRECTORY)?;
                drop(entry);
                self.directory(below, &place.below(name), path, depth + 1)
            }
            SFlag::S_IFREG => self.file(&entry, &status, (directory, name), place, path),
            SFlag::S_IFLNK => Err(WhyLeftOut::Link),
            // What an overlay leaves in the place of a file that was removed.
            SFlag::S_IFCHR if status.st_rdev == 0 => Ok(()),
            _ => Err(WhyLeftOut::Special),
        }
    }

    fn file(
        &mut self,
        entry: &OwnedFd,
        status: &FileStat,
        (directory, name): (BorrowedFd<'_>, &OsStr),
        place: &Place<'_>,
        path: &Path,
    ) -> Result<(), WhyLeftOut> {
        if self.files == 0 {
            return Err(WhyLeftOut::TooManyFiles);
        }
        // A sparse one counts with all its length, which is what the copy has.
        let size = u64::try_from(status.st_size).unwrap_or(u64::MAX);
        if size > self.bytes {
            return Err(WhyLeftOut::TooManyBytes);
        }
        let mode = Mode::from_bits_truncate(status.st_mode) & Mode::from_bits_truncate(0o777);
        if !mode.contains(Mode::S_IRUSR) {
            allow(entry, 0o600)?;
        }
        let file = File::from(open_entry(directory, name, OFlag::O_RDONLY | OFlag::O_NONBLOCK)?);
        let copied = place.write(name, mode, |copy| copy_until(&file, copy, size, self.until))?;
        self.files -= 1;
        self.bytes -= copied;
        self.collected.files.push(CollectedFile { path: path.to_owned(), bytes: Bytes(copied) });
        Ok(())
    }
}

/// In the order of their bytes. How many a file system has is bounded.
fn names(directory: &OwnedFd) -> Result<Vec<OsString>, WhyLeftOut> {
    let copy = directory.try_clone().map_err(|error| WhyLeftOut::Failed(error.kind()))?;
    let mut names = Vec::new();
    for entry in Dir::from_fd(copy)?.iter() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// The entry itself, never what a link points to, nor what is mounted there.
fn open_entry(directory: BorrowedFd<'_>, name: &OsStr, flags: OFlag) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlag::RESOLVE_BENEATH
        | ResolveFlag::RESOLVE_NO_SYMLINKS
        | ResolveFlag::RESOLVE_NO_MAGICLINKS
        | ResolveFlag::RESOLVE_NO_XDEV;
    let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    openat2(directory, name, OpenHow::new().flags(flags).resolve(resolve))
}

/// Gives the permissions back that opening it needs, by the descriptor and not by a name.
fn allow(entry: &OwnedFd, mode: u32) -> Result<(), WhyLeftOut> {
    let itself = format!("/proc/self/fd/{}", entry.as_raw_fd());
    std::fs::set_permissions(itself, Permissions::from_mode(mode))
        .map_err(|error| WhyLeftOut::Failed(error.kind()))
}

fn copy_until(mut from: &File, mut to: &File, size: u64, until: Instant) -> Result<u64, WhyLeftOut> {
    let mut copied = 0;
    while copied < size {
        if Instant::now() >= until {
            return Err(WhyLeftOut::TooSlow);
        }
        let piece = PIECE.min(size - copied);
        match io::copy(&mut (&mut from).take(piece), &mut to) {
            Ok(0) => break,
            Ok(length) => copied += length,
            Err(error) => return Err(WhyLeftOut::Failed(error.kind())),
        }
    }
    Ok(copied)
}
