//! The limits of a whole sandbox: a cgroup (version 2) for each. See `cgroups(7)`, and the kernel's
//! `Documentation/admin-guide/cgroup-v2.rst`.
//!
//! Who does what, in the order of time:
//!
//! | who | what |
//! |---|---|
//! | warden, stage 1 | [`Group::make`]: a directory for one template, below the nearest cgroup that has controllers to give; forks stage 2 into it |
//! | warden, stage 2 | [`enter_namespace`], then [`Leaves::prepare`]: everything but the sandboxes goes to a leaf of its own |
//! | warden, stage 2 | [`Leaves::make`]: a leaf with its limits, for each parked shell |
//! | shell | born in the leaf, it makes that the root of a cgroup namespace, which the sandbox joins: its own path is `/` |
//! | template | forks the sandbox into that leaf |
//! | host | [`GroupReader::bounds`]: what holds, read back; [`LeafReader::set_cpus`]: less CPU time for a while |
//! | warden, stage 2 | [`Leaf::usage`], [`Leaf::kill`], [`Leaves::remove`] |
//! | warden, stage 1 | drops the [`Group`]: nothing stays, even when the host was killed |
//!
//! Never here: version 1, moving a sandbox into its cgroup after its birth, and using a leaf twice.

mod group;
mod leaf;
mod place;
mod reader;

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

pub use group::{Group, GroupError};
pub use leaf::{CpuTime, Leaf, LeafError, Leaves, LeavesError, Usage, enter_namespace};
pub use reader::{Bounds, BoundsError, GroupReader, LeafReader};

/// The shell is in the leaf of its sandbox, and one process more.
const SHELL: u64 = 1;

/// What a cgroup can bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Controller {
    /// Memory, files in memory and the kernel's own included.
    Memory,
    /// Processes and threads.
    Pids,
    /// CPU time.
    Cpu,
}

impl Controller {
    /// Every controller that is used here.
    pub const ALL: [Self; 3] = [Self::Memory, Self::Pids, Self::Cpu];

    /// The kernel's name of it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Cpu => "cpu",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of controllers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Controllers(u8);

impl Controllers {
    /// None.
    pub const NONE: Self = Self(0);

    /// This set, and one more.
    #[must_use]
    pub const fn with(self, controller: Controller) -> Self {
        Self(self.0 | controller.bit())
    }

    /// Whether it is in the set.
    #[must_use]
    pub const fn has(self, controller: Controller) -> bool {
        self.0 & controller.bit() != 0
    }

    /// Whether all of `others` are in the set.
    #[must_use]
    pub const fn has_all(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Those that are in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that are in this set alone.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// How many.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// What a file like `cgroup.controllers` lists; names that are not used here are passed over.
    #[must_use]
    pub fn listed(text: &str) -> Self {
        let is_listed =
            |controller: &Controller| text.split_whitespace().any(|word| word == controller.name());
        Controller::ALL.into_iter().filter(is_listed).fold(Self::NONE, Self::with)
    }

    /// As a number, for a message between processes of one version.
    #[must_use]
    pub const fn to_bits(self) -> u8 {
        self.0
    }

    /// The reverse of [`to_bits`](Self::to_bits).
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }
}

impl fmt::Display for Controllers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> =
            Controller::ALL.into_iter().filter(|one| self.has(*one)).map(Controller::name).collect();
        f.write_str(&names.join(", "))
    }
}

/// Reads a small file of a cgroup.
fn read(directory: BorrowedFd<'_>, file: &str) -> io::Result<String> {
    let opened = openat(directory, file, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    io::read_to_string(std::fs::File::from(opened))
}

/// Writes a small file of a cgroup, in one call as the kernel wants it.
fn write(directory: BorrowedFd<'_>, file: &str, text: &str) -> io::Result<()> {
    let opened = openat(directory, file, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    nix::unistd::write(opened, text.as_bytes())?;
    Ok(())
}

/// The number in the line `key number` of a flat file.
fn keyed(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_in_the_set() {
        let set = Controllers::listed("cpuset cpu io memory hugetlb\n");
        assert!(set.has(Controller::Cpu) && set.has(Controller::Memory) && !set.has(Controller::Pids));
        assert_eq!(set.to_string(), "memory, cpu");
        assert_eq!(Controllers::from_bits(set.to_bits()), set);
        assert!(set.has_all(Controllers::NONE.with(Controller::Cpu)) && !Controllers::NONE.has_all(set));
    }

    #[test]
    fn a_key_is_a_whole_word() {
        let text = "oom 3\noom_kill 2\n";
        assert_eq!(
            (keyed(text, "oom"), keyed(text, "oom_kill"), keyed(text, "max")),
            (Some(3), Some(2), None)
        );
    }
}
