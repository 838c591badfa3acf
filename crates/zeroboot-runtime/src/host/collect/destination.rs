//! Where files are copied to: a directory of the host in which others may have left links.
//!
//! A file is written under a temporary name, and then renamed: a reader sees the old file or the new one, and never a part.
//! What a link or another name of the old file leads to stays as it is.

use std::cell::OnceCell;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, open, openat, openat2, renameat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

/// The directory itself: the one place where a link is followed, since the caller has named it.
#[derive(Debug)]
pub(super) struct Destination(OwnedFd);

impl Destination {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let directory = open(path, flags, Mode::empty())?;
        nix::unistd::faccessat(&directory, ".", nix::unistd::AccessFlags::W_OK, AtFlags::AT_EACCESS)?;
        Ok(Self(directory))
    }

    pub(super) fn top(&self) -> Place<'_> {
        Place::Top(self.0.as_fd())
    }
}

/// A directory at or below it, made and opened when something is written there.
pub(super) enum Place<'a> {
    Top(BorrowedFd<'a>),
    Below { above: &'a Place<'a>, name: &'a OsStr, opened: OnceCell<OwnedFd> },
}

impl<'a> Place<'a> {
    pub(super) fn below(&'a self, name: &'a OsStr) -> Self {
        Self::Below { above: self, name, opened: OnceCell::new() }
    }

    fn directory(&self) -> Result<BorrowedFd<'_>, Errno> {
        let (above, name, opened) = match self {
            Self::Top(directory) => return Ok(*directory),
            Self::Below { above, name, opened } => (above, *name, opened),
        };
        if opened.get().is_none() {
            let _ = opened.set(make_directory(above.directory()?, name)?);
        }
        opened.get().map(AsFd::as_fd).ok_or(Errno::EBADF)
    }

    /// Has a new file filled, and gives it its name. What could not be filled leaves nothing.
    pub(super) fn write<T, E: From<Errno>>(
        &self,
        name: &OsStr,
        mode: Mode,
        fill: impl FnOnce(&File) -> Result<T, E>,
    ) -> Result<T, E> {
        let directory = self.directory()?;
        let (temporary, file) = new_file(directory, mode)?;
        let filled = fill(&file);
        let done = filled.and_then(|filled| {
            renameat(directory, temporary.as_str(), directory, name)?;
            Ok(filled)
        });
        if done.is_err() {
            // The first cause counts.
            let _ = unlinkat(directory, temporary.as_str(), UnlinkatFlags::NoRemoveDir);
        }
        done
    }
}

fn make_directory(above: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Errno> {
    let how = || {
        OpenHow::new().flags(OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC).resolve(
            ResolveFlag::RESOLVE_BENEATH
                | ResolveFlag::RESOLVE_NO_SYMLINKS
                | ResolveFlag::RESOLVE_NO_MAGICLINKS,
        )
    };
    match openat2(above, name, how()) {
        Err(Errno::ENOENT) => {}
        found => return found,
    }
    match mkdirat(above, name, Mode::from_bits_truncate(0o777)) {
        Ok(()) | Err(Errno::EEXIST) => openat2(above, name, how()),
        Err(errno) => Err(errno),
    }
}

/// How many names are tried: another process of this user may write here as well, and a sandbox may have chosen such names.
const ATTEMPTS: u32 = 1000;

fn new_file(directory: BorrowedFd<'_>, mode: Mode) -> Result<(String, File), Errno> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    for attempt in 0..ATTEMPTS {
        let name = format!(".zeroboot-{}-{attempt}", std::process::id());
        match openat(directory, name.as_str(), flags, mode) {
            Ok(file) => return Ok((name, file.into())),
            Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno),
        }
    }
    Err(Errno::EEXIST)
}
