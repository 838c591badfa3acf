//! Names of users and groups: `/etc/passwd` and `/etc/group`, of the tree and of each sandbox.
//!
//! A sandbox with a user id of its own is not named by the tree, which all share: its shell makes both files again, with
//! that id, and mounts them over the tree's. One file that names every id in the range would have 50,000 lines, which each
//! look-up reads.
//!
//! [`OwnNames::prepare`] may allocate; [`OwnNames::settle`] runs in the forked shell and obeys the child rules.

use std::ffi::CStr;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, open};
use nix::sys::stat::{Mode, stat};
use nix::unistd::{Gid, Uid, fchownat, unlink, write};

use super::identity::TEMPLATE_USER;
use super::mount::{self as calls, Devices};
use super::tree::HOME;
use crate::policy::UserId;

/// The user whom unmapped ids look like.
const NOBODY: u32 = 65_534;

/// `/etc/passwd`, where this user is called `sandbox`. See `passwd(5)`.
pub(super) fn users(user: UserId) -> String {
    let (id, template) = (user.0, TEMPLATE_USER.0);
    let root = "root:x:0:0:root:/root:/bin/sh\n";
    let others = format!("nobody:x:{NOBODY}:{NOBODY}:nobody:/:/bin/false\n");
    let templates = match user {
        TEMPLATE_USER => String::new(),
        _ => format!("zeroboot:x:{template}:{template}:zeroboot:/:/bin/false\n"),
    };
    format!("{root}sandbox:x:{id}:{id}:sandbox:{HOME}:/bin/sh\n{templates}{others}")
}

/// `/etc/group` to the same.
pub(super) fn groups(user: UserId) -> String {
    let templates = match user {
        TEMPLATE_USER => String::new(),
        _ => format!("zeroboot:x:{}:\n", TEMPLATE_USER.0),
    };
    format!("root:x:0:\nsandbox:x:{}:\n{templates}nogroup:x:{NOBODY}:\n", user.0)
}

/// The names of one sandbox, where the tree has others.
#[derive(Debug)]
pub(crate) struct OwnNames {
    /// Where it is seen, and what stands there.
    files: [(&'static CStr, String); 2],
}

/// Where a file is made. It keeps its mount and loses its name.
const MADE_AT: &CStr = c"/dev/shm/.names";

/// What everybody in a sandbox may use.
const SHARED: [&CStr; 3] = [c"/tmp", c"/dev/shm", c"/dev/pts/ptmx"];

impl OwnNames {
    /// How many files it makes in `/dev/shm`, each of which takes a page at most.
    pub(crate) const FILES: u64 = 2;

    /// `None`: the tree names this user.
    pub(crate) fn prepare(user: UserId) -> Option<Self> {
        let files = [(c"/etc/passwd", users(user)), (c"/etc/group", groups(user))];
        (user != TEMPLATE_USER).then_some(Self { files })
    }

    /// Mounts both, read-only, where the tree shows no other in their places, and gives what the shell has mounted for everybody to root, as it is outside. The private file
    /// systems must be there already.
    ///
    /// # After fork
    /// System calls only.
    pub(crate) fn settle(&self) -> Result<(), Errno> {
        let root = stat(c"/")?.st_dev;
        for (place, text) in &self.files {
            if stat(*place)?.st_dev != root {
                continue;
            }
            let tree = make(text)?;
            calls::make_read_only(tree.as_fd(), Devices::Closed)?;
            calls::attach(tree.as_fd(), place)?;
            // Not before: what has no name cannot be attached.
            unlink(MADE_AT)?;
        }
        SHARED.iter().try_for_each(|path| become_roots(path))
    }
}

/// Gives a file to root, who is no sandbox.
fn become_roots(path: &CStr) -> Result<(), Errno> {
    let (root, group) = (Some(Uid::from_raw(0)), Some(Gid::from_raw(0)));
    match fchownat(AT_FDCWD, path, root, group, AtFlags::AT_SYMLINK_NOFOLLOW) {
        // There is no root in this user namespace.
        Ok(()) | Err(Errno::EINVAL) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// A detached mount of a new file.
fn make(text: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
    let file = open(MADE_AT, flags, Mode::from_bits_truncate(0o644))?;
    if write(&file, text.as_bytes())? != text.len() {
        return Err(Errno::EIO);
    }
    become_roots(MADE_AT)?;
    calls::open_tree(MADE_AT)
}

/// Gives what the tree itself holds to root, as it is outside; what is mounted there stays as it is. A tree whose user
/// namespace has no root belongs to its only user.
pub(super) fn give_to_root(root: &Path) -> io::Result<()> {
    let device = fs::symlink_metadata(root)?.dev();
    let mut left = vec![root.to_owned()];
    while let Some(path) = left.pop() {
        let found = fs::symlink_metadata(&path)?;
        if found.dev() != device {
            continue;
        }
        std::os::unix::fs::lchown(&path, Some(0), Some(0))?;
        if found.is_dir() {
            for entry in fs::read_dir(&path)? {
                left.push(entry?.path());
            }
        }
    }
    Ok(())
}
