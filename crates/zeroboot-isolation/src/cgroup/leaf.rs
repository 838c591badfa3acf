//! The leaves of a template's cgroup: one for each sandbox, made and removed by the warden.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::group::make_directory;
use super::{Controller, Controllers, SHELL, keyed, read, write};
use crate::policy::{Bytes, Limits};

/// Where the warden and the template are: a cgroup with controllers for its children has no processes of its own.
const TEMPLATE: &str = "template";

/// How much may be swapped out.
const SWAP: &str = "memory.swap.max";

/// Gives the calling process a cgroup namespace whose root is the cgroup that it is in. See `cgroup_namespaces(7)`.
///
/// # Errors
/// What the kernel answered.
pub fn enter_namespace() -> Result<(), Errno> {
    nix::sched::unshare(CloneFlags::CLONE_NEWCGROUP)
}

/// Why no leaves can be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeavesError {
    /// The cgroup of the template itself.
    #[error("cannot make a cgroup for the template")]
    Template(#[source] Errno),
    /// Moving there.
    #[error("cannot move the template into its cgroup")]
    Move(#[source] io::Error),
    /// Which controllers there are.
    #[error("cannot read the controllers of the template's cgroup")]
    Controllers(#[source] io::Error),
    /// A controller.
    #[error("cannot switch on the controllers {controllers} for sandboxes")]
    Enable {
        /// Which.
        controllers: Controllers,
        /// What the kernel answered.
        source: io::Error,
    },
}

/// Why there is no leaf.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeafError {
    /// The directory.
    #[error("cannot make a cgroup for a sandbox")]
    Make(#[source] Errno),
    /// A limit.
    #[error("cannot set {file} of a sandbox's cgroup to {value}")]
    Limit {
        /// The file.
        file: &'static str,
        /// What was written.
        value: String,
        /// What the kernel answered.
        source: io::Error,
    },
}

/// What makes leaves.
#[derive(Debug)]
pub struct Leaves {
    group: OwnedFd,
    controllers: Controllers,
    limits: Vec<(&'static str, String)>,
}

impl Leaves {
    /// Moves the calling process from `group` to a leaf of its own, and switches those of `wanted` that it has on for the
    /// others.
    ///
    /// # Errors
    /// [`LeavesError`].
    pub fn prepare(group: OwnedFd, wanted: Controllers, limits: &Limits) -> Result<Self, LeavesError> {
        let controllers = read(group.as_fd(), "cgroup.controllers").map_err(LeavesError::Controllers)?;
        let controllers = Controllers::listed(&controllers).and(wanted);
        let directory = make_directory(group.as_fd(), TEMPLATE).map_err(LeavesError::Template)?;
        write(directory.as_fd(), "cgroup.procs", "0").map_err(LeavesError::Move)?;
        let switches = |one: Controller| format!("+{} ", one.name());
        let all: String =
            Controller::ALL.into_iter().filter(|one| controllers.has(*one)).map(switches).collect();
        write(group.as_fd(), "cgroup.subtree_control", &all)
            .map_err(|source| LeavesError::Enable { controllers, source })?;
        let mut limits = settings(controllers, limits);
        // A kernel without swap has nothing to bound there.
        let swap = read(group.as_fd(), SWAP);
        if swap.is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            limits.retain(|(file, _)| *file != SWAP);
        }
        Ok(Self { group, controllers, limits })
    }

    /// Makes one, its limits set.
    ///
    /// # Errors
    /// [`LeafError`].
    pub fn make(&self, number: u64) -> Result<Leaf, LeafError> {
        let name = format!("sandbox-{number}");
        let directory = make_directory(self.group.as_fd(), &name).map_err(LeafError::Make)?;
        let leaf = Leaf { directory, name, controllers: self.controllers, before: CpuTime::default() };
        for (file, value) in &self.limits {
            if let Err(source) = write(leaf.directory(), file, value) {
                // The first cause counts; what is left is removed with the group.
                let _ = self.remove(&leaf);
                return Err(LeafError::Limit { file, value: value.clone(), source });
            }
        }
        Ok(leaf)
    }

    /// Removes one whose processes have gone.
    ///
    /// # Errors
    /// `EBUSY` while the kernel still counts a process in it: ask again later.
    pub fn remove(&self, leaf: &Leaf) -> Result<(), Errno> {
        unlinkat(&self.group, leaf.name.as_str(), UnlinkatFlags::RemoveDir)
    }
}

/// Which files of a leaf get which values.
fn settings(controllers: Controllers, limits: &Limits) -> Vec<(&'static str, String)> {
    let mut settings = Vec::new();
    if let (true, Some(size)) = (controllers.has(Controller::Memory), limits.memory) {
        settings.push(("memory.max", size.0.to_string()));
        settings.push((SWAP, "0".to_owned()));
        // All or nothing: a sandbox that has lost one of its processes is not what anybody asked for.
        settings.push(("memory.oom.group", "1".to_owned()));
    }
    if controllers.has(Controller::Pids) {
        settings.push(("pids.max", limits.processes.saturating_add(SHELL).to_string()));
    }
    if let (true, Some(cpus)) = (controllers.has(Controller::Cpu), limits.cpus) {
        settings.push(("cpu.max", cpus.to_quota()));
    }
    settings
}

/// The cgroup of one sandbox.
#[derive(Debug)]
pub struct Leaf {
    directory: OwnedFd,
    name: String,
    controllers: Controllers,
    /// What it had used when counting began.
    before: CpuTime,
}

/// What a cgroup has counted. `None`: this kernel or this cgroup does not count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// The most memory that was in use at once. From Linux 5.19 on.
    pub memory_peak: Option<Bytes>,
    /// How many processes were killed since there was no memory left below the limit.
    pub oom_kills: Option<u64>,
    /// How many processes and threads were refused because of the limit.
    pub refused_processes: Option<u64>,
    /// How long it wanted to run and was not allowed to.
    pub throttled: Option<Duration>,
    /// CPU time of all its processes since [`Leaf::count_from_now`], those included that nobody has waited for.
    pub cpu: Option<CpuTime>,
}

/// CPU time of a cgroup. See `cpu.stat` in
/// [cgroup v2](https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CpuTime {
    /// In user mode.
    pub user: Duration,
    /// In the kernel.
    pub system: Duration,
}

impl CpuTime {
    /// The file is there whether or not the cgroup has the controller.
    fn parse(text: &str) -> Option<Self> {
        let time = |key| keyed(text, key).map(Duration::from_micros);
        Some(Self { user: time("user_usec")?, system: time("system_usec")? })
    }

    fn since(self, earlier: Self) -> Self {
        Self {
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }
}

impl Leaf {
    /// Its directory, to be born in.
    #[must_use]
    pub fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// What its init has used until now is not its sandbox's.
    pub fn count_from_now(&mut self) {
        // Where it cannot be read it counts from the beginning.
        self.before = self.cpu().unwrap_or_default();
    }

    fn cpu(&self) -> Option<CpuTime> {
        CpuTime::parse(&read(self.directory(), "cpu.stat").ok()?)
    }

    /// Reads what was counted until now.
    #[must_use]
    pub fn usage(&self) -> Usage {
        // A file that cannot be read is a figure that is not known.
        let file = |controller, name| {
            self.controllers.has(controller).then(|| read(self.directory(), name).ok()).flatten()
        };
        let peak = file(Controller::Memory, "memory.peak");
        let events = file(Controller::Memory, "memory.events");
        let refused = file(Controller::Pids, "pids.events");
        let times = read(self.directory(), "cpu.stat").ok();
        let throttled = times.as_deref().and_then(|text| keyed(text, "throttled_usec"));
        Usage {
            memory_peak: peak.and_then(|text| text.trim().parse().ok()).map(Bytes),
            oom_kills: events.and_then(|text| keyed(&text, "oom_kill")),
            refused_processes: refused.and_then(|text| keyed(&text, "max")),
            throttled: throttled.map(Duration::from_micros),
            cpu: times.and_then(|text| CpuTime::parse(&text)).map(|cpu| cpu.since(self.before)),
        }
    }

    /// Kills everything in it at once, forks in flight included (Linux 5.14).
    ///
    /// # Errors
    /// What the kernel answered.
    pub fn kill(&self) -> io::Result<()> {
        write(self.directory(), "cgroup.kill", "1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Cpus, Policy};

    #[test]
    fn cpu_time_is_that_since_counting_began() {
        let text = "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_periods 0\n";
        let micros = Duration::from_micros;
        let cpu = CpuTime::parse(text).expect("both lines");
        assert_eq!(cpu, CpuTime { user: micros(20), system: micros(10) });
        let before = CpuTime { user: micros(5), system: micros(15) };
        assert_eq!(cpu.since(before), CpuTime { user: micros(15), system: micros(0) });
        assert_eq!(CpuTime::parse("user_usec 20\n"), None);
    }

    #[test]
    fn only_what_can_be_bounded_is_set() {
        let limits = Policy::strict().memory(Bytes::mebi(64)).cpus(Cpus::milli(1500)).processes(7).limits;
        let set = |controllers| settings(controllers, &limits);
        assert_eq!(set(Controllers::NONE), []);
        assert_eq!(set(Controllers::NONE.with(Controller::Pids)), [("pids.max", "8".to_owned())]);
        assert_eq!(set(Controllers::NONE.with(Controller::Cpu)), [("cpu.max", "150000 100000".to_owned())]);
        assert_eq!(set(Controllers::NONE.with(Controller::Memory))[0], ("memory.max", "67108864".to_owned()));
        let unbounded = Policy::strict().limits;
        assert_eq!(
            settings(Controllers::NONE.with(Controller::Memory).with(Controller::Cpu), &unbounded),
            []
        );
    }
}
