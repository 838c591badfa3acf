//! A place for a mount in a directory whose content is not trusted: made and opened without following a link.
//!
//! [`Spot::new`] may allocate; [`Spot::make`] runs in shells and obeys the child rules.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{Gid, Uid, fchownat};

use crate::policy::UserId;

/// What is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
}

/// A place below a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spot {
    top: CString,
    /// The names on the way there, and its own last.
    names: Vec<CString>,
    kind: Kind,
}

/// A path that has a NUL byte, or does not lie below.
#[derive(Debug)]
pub(crate) struct NoSpot;

impl Spot {
    /// `path` must lie below `top`.
    pub(crate) fn new(top: &Path, path: &Path, kind: Kind) -> Result<Self, NoSpot> {
        let below = path.strip_prefix(top).map_err(|_| NoSpot)?;
        let name = |part: std::path::Component<'_>| CString::new(part.as_os_str().as_bytes());
        let names: Vec<_> = below.components().map(name).collect::<Result<_, _>>().map_err(|_| NoSpot)?;
        let top = CString::new(top.as_os_str().as_bytes()).map_err(|_| NoSpot)?;
        if names.is_empty() { Err(NoSpot) } else { Ok(Self { top, names, kind }) }
    }

    /// Below which directory.
    pub(crate) fn top(&self) -> &CStr {
        &self.top
    }

    /// Makes what is missing on the way, and the place itself; what is made belongs to `owner`, or else to this process.
    ///
    /// # After fork
    /// System calls only: allowed in the child.
    pub(crate) fn make(&self, top: BorrowedFd<'_>, owner: Option<UserId>) -> Result<OwnedFd, Errno> {
        let Some((last, way)) = self.names.split_last() else { return Err(Errno::EINVAL) };
        let mut reached = None;
        for name in way {
            let above = reached.as_ref().map_or(top, OwnedFd::as_fd);
            reached = Some(entry(above, name, Kind::Directory, owner)?);
        }
        entry(reached.as_ref().map_or(top, OwnedFd::as_fd), last, self.kind, owner)
    }
}

fn entry(above: BorrowedFd<'_>, name: &CStr, kind: Kind, owner: Option<UserId>) -> Result<OwnedFd, Errno> {
    let place = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let place = if kind == Kind::Directory { place | OFlag::O_DIRECTORY } else { place };
    match openat(above, name, place, Mode::empty()) {
        Err(Errno::ENOENT) => {}
        found => return found,
    }
    match kind {
        Kind::Directory => mkdirat(above, name, Mode::from_bits_truncate(0o755))?,
        Kind::File => {
            let new = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
            drop(openat(above, name, new, Mode::from_bits_truncate(0o644))?);
        }
    }
    if let Some(UserId(id)) = owner {
        let (user, group) = (Some(Uid::from_raw(id)), Some(Gid::from_raw(id)));
        fchownat(above, name, user, group, AtFlags::AT_SYMLINK_NOFOLLOW)?;
    }
    openat(above, name, place, Mode::empty())
}
