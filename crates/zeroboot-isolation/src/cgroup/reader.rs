//! What really bounds a sandbox, read by its host.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use super::group::remove;
use super::{Controller, Controllers, SHELL, read, write};
use crate::policy::{Bytes, Cpus};

/// The cgroup of one template, as its host sees it.
#[derive(Debug)]
pub struct GroupReader {
    parent: OwnedFd,
    directory: OwnedFd,
    name: String,
    controllers: Controllers,
}

impl GroupReader {
    /// Opens one that was [made](super::Group::make) with these controllers.
    ///
    /// # Errors
    /// What the kernel answered.
    pub fn open(path: &Path, controllers: Controllers) -> io::Result<Self> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Errno::EINVAL.into());
        };
        let (parent, directory) = (File::open(parent)?.into(), File::open(path)?.into());
        Ok(Self { parent, directory, name: name.to_string_lossy().into_owned(), controllers })
    }

    /// What can be bounded in it.
    #[must_use]
    pub fn controllers(&self) -> Controllers {
        self.controllers
    }

    /// Removes it, should whose work that is have been killed. It is no error when it is gone.
    ///
    /// # Errors
    /// What the kernel answered: `EBUSY` while there are processes in it.
    pub fn remove(&self) -> Result<(), Errno> {
        remove(self.parent.as_fd(), &self.name)
    }

    /// Opens the leaf that these bounds were read from.
    ///
    /// # Errors
    /// What the kernel answered: `ENOENT` when it is gone.
    pub fn open_leaf(&self, bounds: &Bounds) -> io::Result<LeafReader> {
        let (_, leaf) = bounds.leaf.rsplit_once('/').ok_or(Errno::EINVAL)?;
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(LeafReader {
            directory: openat(&self.directory, leaf, flags, Mode::empty())?,
            controllers: self.controllers,
        })
    }

    /// What holds for the process whose directory in `/proc` this is; `None` when it is in no leaf of this cgroup.
    ///
    /// # Errors
    /// [`BoundsError`].
    pub fn bounds(&self, process: BorrowedFd<'_>) -> Result<Option<Bounds>, BoundsError> {
        let failed = |file: &'static str| move |source| BoundsError { file, source };
        let cgroups = read(process, "cgroup").map_err(failed("cgroup"))?;
        let Some(leaf) = cgroups.lines().find_map(|line| leaf_of(line.strip_prefix("0::")?, &self.name))
        else {
            return Ok(None);
        };
        let bound = |controller, file| match self.controllers.has(controller) {
            true => read(self.directory.as_fd(), &format!("{leaf}/{file}")).map(Some).map_err(failed(file)),
            false => Ok(None),
        };
        Ok(Some(Bounds {
            memory: bound(Controller::Memory, "memory.max")?
                .and_then(|text| text.trim().parse().ok())
                .map(Bytes),
            processes: bound(Controller::Pids, "pids.max")?
                .and_then(|text| text.trim().parse::<u64>().ok())
                .map(|processes| processes.saturating_sub(SHELL)),
            cpus: bound(Controller::Cpu, "cpu.max")?.and_then(|text| Cpus::from_quota(&text)),
            leaf: format!("{}/{leaf}", self.name),
        }))
    }
}

/// The cgroup of one sandbox, as its host sees it.
#[derive(Debug)]
pub struct LeafReader {
    directory: OwnedFd,
    controllers: Controllers,
}

impl LeafReader {
    /// What is counted and can be bounded in it.
    #[must_use]
    pub fn controllers(&self) -> Controllers {
        self.controllers
    }

    /// Its directory.
    #[must_use]
    pub fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Sets how much CPU time it has from now on; `None`: as much as there is. What has run ahead of a lower limit waits.
    ///
    /// # Errors
    /// What the kernel answered: `ENOENT` without the controller, `ENODEV` when the cgroup is gone.
    ///
    /// Manual: [cgroup v2](https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files), `cpu.max`.
    pub fn set_cpus(&self, cpus: Option<Cpus>) -> io::Result<()> {
        write(self.directory(), "cpu.max", &cpus.map_or_else(|| "max".to_owned(), Cpus::to_quota))
    }
}

/// The last part of a cgroup's path, if the part before it is `group`.
fn leaf_of<'a>(path: &'a str, group: &str) -> Option<&'a str> {
    let (above, leaf) = path.rsplit_once('/')?;
    (above.rsplit_once('/')?.1 == group).then_some(leaf)
}

/// What a cgroup really bounds. `None`: not that.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bounds {
    /// The leaf, and the template's cgroup before it.
    pub leaf: String,
    /// Memory of all processes, beyond what they share with the template. None of it is swapped out.
    pub memory: Option<Bytes>,
    /// Processes and threads.
    pub processes: Option<u64>,
    /// CPU time per time.
    pub cpus: Option<Cpus>,
}

/// Why the bounds of a process could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {file} of a sandbox's cgroup")]
pub struct BoundsError {
    /// Which file.
    pub file: &'static str,
    /// Why not.
    pub source: io::Error,
}

#[cfg(test)]
mod tests {
    use super::leaf_of;

    #[test]
    fn a_leaf_lies_right_below_its_group() {
        assert_eq!(leaf_of("/a/zeroboot-1-0/sandbox-3", "zeroboot-1-0"), Some("sandbox-3"));
        assert_eq!(leaf_of("/a/zeroboot-1-0", "zeroboot-1-0"), None);
        assert_eq!(leaf_of("/zeroboot-1-0/a/b", "zeroboot-1-0"), None);
        assert_eq!(leaf_of("/", "zeroboot-1-0"), None);
    }
}
