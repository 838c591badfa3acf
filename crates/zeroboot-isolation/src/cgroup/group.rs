//! The cgroup of one template, below which each sandbox has a leaf: made and removed by the warden.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::{Controller, Controllers, place, read, write};
use crate::world::IdMap;

/// Why there is no cgroup for a template.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// Where this process is.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is no cgroup2 file system, or this process is in none of its cgroups.
    #[error("cgroup v2 is not mounted here")]
    NotMounted,
    /// None could be made below this process's own cgroup, nor below one above it.
    #[error("cannot make a cgroup in {}, nor above it", path.display())]
    Make {
        /// This process's own cgroup.
        path: PathBuf,
        /// What the kernel answered there.
        source: io::Error,
    },
    /// A cgroup can be made, but without these controllers.
    #[error("no cgroup above this process has these controllers to give: {0}")]
    Controllers(Controllers),
    /// It could not be handed to the template's user.
    #[error("cannot change the owner of {}", path.display())]
    Delegate {
        /// The file.
        path: PathBuf,
        /// What the kernel answered.
        source: io::Error,
    },
}

impl GroupError {
    /// What a person can do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Read { .. } => "mount /proc",
            Self::NotMounted => {
                "boot with cgroup v2 (systemd.unified_cgroup_hierarchy=1), mounted at /sys/fs/cgroup"
            }
            Self::Make { .. } => {
                "run as root, or in a delegated cgroup: systemd-run --user --scope -p Delegate=yes COMMAND; in a \
                 container, mount cgroup v2 writable"
            }
            Self::Controllers(_) => {
                "boot without version 1, which may hold them (systemd.unified_cgroup_hierarchy=1); delegate them \
                 (systemd-run --user --scope -p Delegate=yes COMMAND); in a container, keep the topmost cgroup free of \
                 processes"
            }
            Self::Delegate { .. } => "root needs CAP_CHOWN for it",
        }
    }
}

/// The cgroup of one template. Dropped, it is removed if nobody is in it any more.
#[derive(Debug)]
pub struct Group {
    parent: OwnedFd,
    directory: OwnedFd,
    path: PathBuf,
    controllers: Controllers,
}

impl Group {
    /// Makes one below the nearest cgroup that has all of `wanted` to give, from this process's own upwards; below the
    /// one that has most of them where none has all. Controllers that are there, but not switched on for children, are
    /// switched on, and stay so.
    ///
    /// As root it is handed to the template's user id, so that the warden can make leaves and the template fork into them.
    ///
    /// # Errors
    /// [`GroupError`]; [`GroupError::Controllers`] when not all of `needed` are to be had, or none of `wanted`.
    pub fn make(wanted: Controllers, needed: Controllers, ids: IdMap) -> Result<Self, GroupError> {
        let mut best: Option<Self> = None;
        let mut refused = None;
        for parent in place::candidates()? {
            match Self::below(&parent, wanted) {
                Ok(group) => {
                    if best.as_ref().is_none_or(|best| group.controllers.count() > best.controllers.count()) {
                        best = Some(group);
                    }
                    if best.as_ref().is_some_and(|best| best.controllers.has_all(wanted)) {
                        break;
                    }
                }
                Err(source) => drop(refused.get_or_insert((parent, source))),
            }
        }
        let group = match (best, refused) {
            (Some(group), _) => group,
            (None, Some((path, source))) => return Err(GroupError::Make { path, source }),
            (None, None) => return Err(GroupError::NotMounted),
        };
        if !group.controllers.has_all(needed) {
            return Err(GroupError::Controllers(needed.without(group.controllers)));
        }
        if group.controllers == Controllers::NONE {
            return Err(GroupError::Controllers(wanted));
        }
        group.delegate(ids)?;
        Ok(group)
    }

    fn below(path: &Path, wanted: Controllers) -> io::Result<Self> {
        let name = format!("zeroboot-{}", std::process::id());
        let parent = OwnedFd::from(File::open(path)?);
        let directory = match make_directory(parent.as_fd(), &name) {
            Err(Errno::EEXIST) => {
                // Left by a process of this number that was killed.
                remove(parent.as_fd(), &name)?;
                make_directory(parent.as_fd(), &name)
            }
            made => made,
        }?;
        let mut group = Self { parent, directory, path: path.join(name), controllers: Controllers::NONE };
        for controller in Controller::ALL.into_iter().filter(|one| wanted.has(*one)) {
            // What is not there, or must not be switched on, is found missing right below.
            let _ = write(group.parent.as_fd(), "cgroup.subtree_control", &format!("+{}", controller.name()));
        }
        group.controllers =
            Controllers::listed(&read(group.directory.as_fd(), "cgroup.controllers")?).and(wanted);
        Ok(group)
    }

    fn delegate(&self, ids: IdMap) -> Result<(), GroupError> {
        let Some(owner) = ids.template_on_host() else { return Ok(()) };
        for file in ["", "cgroup.procs", "cgroup.subtree_control"] {
            let path = self.path.join(file);
            chown(&path, Some(owner), Some(owner)).map_err(|source| GroupError::Delegate { path, source })?;
        }
        Ok(())
    }

    /// What can be bounded in it.
    #[must_use]
    pub fn controllers(&self) -> Controllers {
        self.controllers
    }

    /// Its path, where the hierarchy is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its directory, to be born in.
    #[must_use]
    pub fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Its directory, and the care for its end to somebody else.
    ///
    /// # Errors
    /// `EMFILE`.
    pub fn into_directory(self) -> io::Result<OwnedFd> {
        let directory = self.directory.try_clone();
        // Its other descriptors stay open, and are few.
        std::mem::forget(self);
        directory
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        // The host tries as well, if it lives.
        let _ = remove(self.parent.as_fd(), &name);
    }
}

/// How long the kernel may take to see that processes which were reaped have left their cgroup.
const PATIENCE: Duration = Duration::from_secs(1);

/// Removes the cgroup `name` of `parent`, and its leaves. It is no error when there is none.
///
/// # Errors
/// What the kernel answered: `EBUSY` while there are processes in it.
pub(super) fn remove(parent: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
    let group = match open_directory(parent, name) {
        Err(Errno::ENOENT) => return Ok(()),
        opened => opened?,
    };
    let leaves = Dir::openat(&group, ".", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| {
            entry.file_type() == Some(Type::Directory) && !entry.file_name().to_bytes().starts_with(b".")
        });
    for leaf in leaves {
        let leaf = leaf.file_name().to_string_lossy();
        remove_empty(group.as_fd(), &leaf)?;
    }
    remove_empty(parent, name)
}

fn remove_empty(parent: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
    match unlinkat(parent, name, UnlinkatFlags::RemoveDir) {
        Err(Errno::ENOENT) => Ok(()),
        Err(Errno::EBUSY) => {
            await_empty(parent, name)?;
            unlinkat(parent, name, UnlinkatFlags::RemoveDir)
        }
        removed => removed,
    }
}

/// Waits until the kernel says that nobody is in it.
fn await_empty(parent: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
    let events = openat(
        parent,
        format!("{name}/cgroup.events").as_str(),
        OFlag::O_RDONLY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )?;
    loop {
        let mut text = [0; 256];
        let length = nix::sys::uio::pread(&events, &mut text, 0)?;
        let text = String::from_utf8_lossy(&text[..length]);
        if super::keyed(&text, "populated") == Some(0) {
            return Ok(());
        }
        // A change since it was read last ends the wait.
        let mut change = [PollFd::new(events.as_fd(), PollFlags::POLLPRI)];
        if poll(&mut change, PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::MAX))? == 0 {
            return Err(Errno::EBUSY);
        }
    }
}

pub(super) fn make_directory(parent: BorrowedFd<'_>, name: &str) -> Result<OwnedFd, Errno> {
    mkdirat(parent, name, Mode::from_bits_truncate(0o755))?;
    open_directory(parent, name)
}

fn open_directory(parent: BorrowedFd<'_>, name: &str) -> Result<OwnedFd, Errno> {
    openat(parent, name, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
}
