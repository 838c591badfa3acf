//! The directory of the host that every sandbox has a copy-on-write view of, as its working directory.
//!
//! The view is an overlay that each shell mounts for itself ([`crate::shell`]): what it changes lies in its private home,
//! and the directory below is read-only. Its files must look like the sandbox's own. Where the host is an ordinary user
//! they are: the one id maps to itself. A root host lends other ids than the owner's, so the directory is mounted once for
//! each id that a sandbox may have, with the owner's id mapped to that one: see `MOUNT_ATTR_IDMAP` in `mount_setattr(2)`.
//! Only root of the machine may do that, so it is done before the namespaces are made.
//!
//! The overlay takes nothing but files, directories and links from below it: a pipe becomes another pipe, a socket cannot be
//! connected to, and no device can be opened. So nothing in it is looked for, nor covered.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::cover::mounts_below;
use super::identity::{IdMapError, TEMPLATE_USER, put};
use super::lending::IdRange;
use super::mount as calls;
use crate::policy::UserId;

/// Why a directory cannot be the working directory.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// It is not there, or cannot be opened.
    #[error("cannot show {} as the working directory", path.display())]
    Source {
        /// Its path.
        path: PathBuf,
        /// What the kernel answered.
        source: Errno,
    },
    /// Another file system is mounted below it.
    #[error(
        "cannot show {} as the working directory: another file system is mounted at {}, which a copy-on-write view cannot include",
        path.display(), below.display()
    )]
    MountsBelow {
        /// The directory.
        path: PathBuf,
        /// Where.
        below: PathBuf,
    },
    /// Its files cannot be made the sandbox's own.
    #[error(
        "the files of {} cannot be made the sandbox's own: with a root host that needs Linux 5.19, root of the machine, and a \
         file system with id-mapped mounts",
        path.display()
    )]
    Mapped {
        /// The directory.
        path: PathBuf,
        /// What the kernel answered.
        source: Errno,
    },
    /// There is no overlay of it.
    #[error(
        "cannot make a copy-on-write view of {}: that needs overlayfs in a user namespace, on a file system that it accepts",
        path.display()
    )]
    Overlay {
        /// The directory.
        path: PathBuf,
        /// What the kernel answered.
        source: Errno,
    },
}

impl ProjectError {
    /// What a person can do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Source { .. } => "check the path, and that you may look at it",
            Self::MountsBelow { .. } => {
                "choose a directory without another file system below it, and show that by --ro"
            }
            Self::Mapped { .. } => {
                "copy the directory to ext4, xfs or btrfs (overlayfs and most network file systems have no id-mapped \
                 mounts), or run zeroboot as the ordinary user who owns it"
            }
            Self::Overlay { source: Errno::ENODEV, .. } => "load the module (modprobe overlay)",
            Self::Overlay { .. } => {
                "use Linux 5.11 or later with CONFIG_OVERLAY_FS, and copy the directory to ext4, xfs, btrfs or tmpfs"
            }
        }
    }
}

/// A directory that is to be the working directory, open where it had to be opened ahead.
#[derive(Debug)]
pub struct Project {
    source: PathBuf,
    mapped: Vec<Layer>,
}

/// The directory as one user sees it: a read-only mount that is not attached yet.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) user: UserId,
    pub(super) tree: OwnedFd,
}

/// Whose files are to be the sandbox's: the owner of a directory, and its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    user: u32,
    group: u32,
}

impl Owner {
    /// That of this directory.
    ///
    /// # Errors
    /// [`ProjectError::Source`].
    pub fn of(directory: &Path) -> Result<Self, ProjectError> {
        let found = std::fs::metadata(directory).map_err(|error| ProjectError::Source {
            path: directory.to_owned(),
            source: Errno::from_raw(error.raw_os_error().unwrap_or_default()),
        })?;
        Ok(Self { user: found.uid(), group: found.gid() })
    }

    /// Writes the maps of process `pid`, which has just unshared its user namespace: the owner's id is this user's, and
    /// any other the one with its number in the range.
    ///
    /// # Errors
    /// [`IdMapError`] names the file.
    pub fn write(self, pid: u32, user: UserId, range: IdRange) -> Result<(), IdMapError> {
        put(pid, "gid_map", &map(range, self.group, user))?;
        put(pid, "uid_map", &map(range, self.user, user))
    }
}

/// Lines of an id in the file system, one of the host, and how many follow: no id twice on either side.
fn map(range: IdRange, owner: u32, user: UserId) -> String {
    let mut text = format!("{owner} {} 1\n", range.first() + user.0);
    let mut apart = [owner.min(IdRange::LENGTH), user.0, IdRange::LENGTH];
    apart.sort_unstable();
    let mut start = 0;
    for hole in apart {
        if start < hole {
            text.push_str(&format!("{start} {} {}\n", range.first() + start, hole - start));
        }
        start = hole + 1;
    }
    text
}

impl Project {
    /// One whose owner is the host's user, the only one that a sandbox can be. It is opened when the tree is built.
    ///
    /// # Errors
    /// [`ProjectError`].
    pub fn own(source: PathBuf) -> Result<Self, ProjectError> {
        refuse_mounts_below(&source)?;
        Ok(Self { source, mapped: Vec::new() })
    }

    /// One whose owner becomes each of these users, by a user namespace with [its maps](Owner::write). One of them must be
    /// [`TEMPLATE_USER`]. Call it before [`unshare`](super::unshare).
    ///
    /// # Errors
    /// [`ProjectError`].
    pub fn mapped(source: PathBuf, users: Vec<(UserId, OwnedFd)>) -> Result<Self, ProjectError> {
        let project = Self::own(source)?;
        let layer = |(user, namespace): (UserId, OwnedFd)| {
            let tree = project.open()?;
            let failed = |source| ProjectError::Mapped { path: project.source.clone(), source };
            calls::map_ids(tree.as_fd(), namespace.as_fd()).map_err(failed)?;
            Ok(Layer { user, tree })
        };
        let mapped = users.into_iter().map(layer).collect::<Result<_, ProjectError>>()?;
        Ok(Self { mapped, ..project })
    }

    /// Where it is on the host.
    pub(super) fn source(&self) -> &Path {
        &self.source
    }

    /// With the host user's identity still: as each user sees it.
    pub(super) fn layers(&self) -> Result<Vec<Layer>, ProjectError> {
        let copy = |layer: &Layer| {
            let tree = layer.tree.try_clone().map_err(|_| self.failed(Errno::EMFILE))?;
            Ok(Layer { user: layer.user, tree })
        };
        match &self.mapped[..] {
            [] => Ok(vec![Layer { user: TEMPLATE_USER, tree: self.open()? }]),
            mapped => mapped.iter().map(copy).collect(),
        }
    }

    fn open(&self) -> Result<OwnedFd, ProjectError> {
        let path = std::ffi::CString::new(self.source.as_os_str().as_encoded_bytes())
            .map_err(|_| self.failed(Errno::EINVAL))?;
        let tree = calls::open_mount(&path).map_err(|errno| self.failed(errno))?;
        calls::make_read_only(tree.as_fd(), calls::Devices::Closed).map_err(|errno| self.failed(errno))?;
        Ok(tree)
    }

    fn failed(&self, source: Errno) -> ProjectError {
        ProjectError::Source { path: self.source.clone(), source }
    }
}

fn refuse_mounts_below(source: &Path) -> Result<(), ProjectError> {
    match mounts_below(source).into_iter().next() {
        Some(below) => Err(ProjectError::MountsBelow { path: source.to_owned(), below: source.join(below) }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_becomes_the_user_and_nobody_is_two() {
        let range = IdRange::starting_at(1_500_000_000).expect("the first range");
        for (owner, user) in [(0, 10_000), (1001, 10_000), (10_000, 10_000), (70_000, 1000), (65_535, 0)] {
            let text = map(range, owner, UserId(user));
            let mut inside = std::collections::BTreeSet::new();
            let mut outside = std::collections::BTreeSet::new();
            for line in text.lines() {
                let numbers: Vec<u32> = line.split(' ').map(|word| word.parse().expect("a number")).collect();
                let [first, on_host, count] = numbers[..] else { panic!("{line}") };
                for number in 0..count {
                    assert!(inside.insert(first + number) && outside.insert(on_host + number), "{text}");
                }
            }
            assert!(text.starts_with(&format!("{owner} {} 1\n", 1_500_000_000 + user)));
            assert!(outside.iter().all(|id| (1_500_000_000..1_500_065_536).contains(id)), "{text}");
            assert!(inside.len() >= 65_535, "{text}");
        }
    }
}
