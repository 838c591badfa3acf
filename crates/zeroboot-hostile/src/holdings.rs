//! What host, warden and template hold, and which processes there are: read from `/proc`, before and after.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::place::SHELLS;

/// How long it may take until all that was killed is gone and all that is parked is there again.
const QUIET_WITHIN: Duration = Duration::from_secs(20);

/// How long nothing must change for the first look.
const STEADY: Duration = Duration::from_millis(300);

/// Where allocators may end up higher than they began.
const MARGIN_KIB: u64 = 16 * 1024;

/// The same for the host, whose allocator has an arena for many a thread.
const MARGIN_OF_HOST_KIB: u64 = 64 * 1024;

const TEMPLATE: &str = "template";
const FIRST_STAGE: &str = "warden's first stage";

/// What a template may hold of the shells that wait for it: of each two descriptors, three where there are cgroups.
const OFFERED: usize = 3 * SHELLS;

/// All that must be the same afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holdings {
    /// This process, wardens and templates, by their numbers.
    cores: BTreeMap<u32, Core>,
    /// Inits of shells.
    shells: usize,
    /// Processes within shells: parked sandboxes.
    inside: usize,
    /// What is none of these, as text: processes that have ended and wait, or stand where none should.
    strangers: Vec<String>,
    threads: usize,
    /// Cgroups that the wardens have made.
    cgroups: usize,
}

/// What one process holds; nothing where that may not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Core {
    name: String,
    descriptors: Option<usize>,
    mounts: Option<usize>,
}

#[derive(Debug)]
struct Process {
    pid: u32,
    parent: u32,
    name: String,
    state: String,
    /// Its numbers in the namespaces below this process's own, the outermost first.
    numbers: Vec<u32>,
}

impl Holdings {
    /// What there is now; of cgroups, what these wardens have made as well as those that live.
    fn now(wardens: &BTreeSet<u32>) -> Self {
        let own = std::process::id();
        let mut found = Self {
            cores: BTreeMap::from([(own, Core::of(own, "host".to_owned()))]),
            shells: 0,
            inside: 0,
            strangers: Vec::new(),
            threads: fs::read_dir("/proc/self/task").map_or(0, Iterator::count),
            cgroups: 0,
        };
        let all = descendants(own);
        for process in &all {
            let Process { pid, parent, name, state, numbers } = process;
            let role = match numbers.as_slice() {
                _ if matches!(state.as_str(), "Z" | "X") => None,
                [] if *parent == own => Some(FIRST_STAGE),
                [1] => Some("warden"),
                [2] => Some(TEMPLATE),
                [_, 1] => {
                    found.shells += 1;
                    continue;
                }
                [_, 2] if all.iter().any(|other| other.pid == *parent && other.numbers == [1]) => {
                    found.inside += 1;
                    continue;
                }
                _ => None,
            };
            match role {
                Some(role) => drop(found.cores.insert(*pid, Core::of(*pid, role.to_owned()))),
                None => found.strangers.push(format!("{pid} {name:?} {state} below {parent}: {numbers:?}")),
            }
        }
        found.strangers.sort();
        found.cgroups = cgroups(&(wardens | &found.wardens()));
        found
    }

    /// The first stages, after which cgroups are called.
    pub(crate) fn wardens(&self) -> BTreeSet<u32> {
        let wardens = self.cores.iter().filter(|(_, core)| core.name == FIRST_STAGE);
        wardens.map(|(pid, _)| *pid).collect()
    }

    /// What there is once it does not change any more.
    pub(crate) fn steady() -> Self {
        let none = BTreeSet::new();
        let mut last = Self::now(&none);
        let mut since = Instant::now();
        let end = since + QUIET_WITHIN;
        while since.elapsed() < STEADY && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
            let now = Self::now(&none);
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
        last
    }

    /// Waits until there is what there was and no more; else what is different. Of wardens that have gone meanwhile, such as
    /// these, no cgroup may be left either.
    pub(crate) fn compare(&self, wardens: &BTreeSet<u32>) -> Result<(), String> {
        let end = Instant::now() + QUIET_WITHIN;
        loop {
            let now = Self::now(wardens);
            if self.covers(&now) {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(format!("before: {self}\n  now: {now}"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether there is now what there was before, and nothing beyond. Less of what comes and goes is no loss: the host's thread
    /// that looks out for storms, shells of which a template has not read yet.
    fn covers(&self, now: &Self) -> bool {
        let cores = self.cores.keys().eq(now.cores.keys())
            && self.cores.values().zip(now.cores.values()).all(|(before, now)| before.covers(now));
        cores
            && (now.shells, now.inside, &now.strangers) == (self.shells, self.inside, &self.strangers)
            && now.threads <= self.threads
            && now.cgroups <= self.cgroups
    }

    /// How much of each of its processes is resident, in KiB.
    pub(crate) fn resident(&self) -> BTreeMap<u32, u64> {
        let resident = |pid| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            field(&status, "VmRSS:")?.first()?.parse().ok()
        };
        self.cores.keys().filter_map(|pid| Some((*pid, resident(*pid)?))).collect()
    }

    /// What has grown beyond what allocators explain.
    pub(crate) fn growth(&self, before: &BTreeMap<u32, u64>) -> Vec<String> {
        let now = self.resident();
        let margin = |pid| if pid == std::process::id() { MARGIN_OF_HOST_KIB } else { MARGIN_KIB };
        let grown =
            now.iter().filter(|(pid, now)| before.get(pid).is_some_and(|was| **now > was + margin(**pid)));
        let name = |pid| self.cores.get(pid).map_or("?", |core| &core.name);
        grown.map(|(pid, now)| format!("{}: {} KiB became {now}", name(pid), before[pid])).collect()
    }
}

impl fmt::Display for Holdings {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (pid, Core { name, descriptors, mounts }) in &self.cores {
            write!(to, "{name} {pid}")?;
            for (what, count) in [("descriptors", descriptors), ("mounts", mounts)] {
                if let Some(count) = count {
                    write!(to, " {count} {what}")?;
                }
            }
            write!(to, "; ")?;
        }
        let Self { shells, inside, threads, cgroups, strangers, .. } = self;
        write!(
            to,
            "{shells} shells, {inside} parked, {threads} threads, {cgroups} cgroups, strangers: {strangers:?}"
        )
    }
}

impl Core {
    fn covers(&self, now: &Self) -> bool {
        let margin = if self.name == TEMPLATE { OFFERED } else { 0 };
        now.mounts == self.mounts && now.descriptors <= self.descriptors.map(|count| count + margin)
    }

    fn of(pid: u32, name: String) -> Self {
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok().map(Iterator::count);
        let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).ok();
        Self { name, descriptors, mounts: mounts.map(|text| text.lines().count()) }
    }
}

/// All processes below this one.
fn descendants(of: u32) -> Vec<Process> {
    let depth = process(of).map_or(0, |own| own.numbers.len());
    let mut rest: Vec<_> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| process(entry.file_name().to_str()?.parse().ok()?))
        .collect();
    let (mut found, mut above): (Vec<Process>, Vec<u32>) = (Vec::new(), vec![of]);
    while let Some(parent) = above.pop() {
        let (children, others) = rest.into_iter().partition(|process| process.parent == parent);
        rest = others;
        for mut child in children {
            above.push(child.pid);
            child.numbers.drain(..depth.min(child.numbers.len()));
            found.push(child);
        }
    }
    found
}

fn process(pid: u32) -> Option<Process> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let word = |name| field(&status, name)?.first().map(|word| (*word).to_owned());
    Some(Process {
        pid,
        parent: word("PPid:")?.parse().ok()?,
        name: word("Name:").unwrap_or_default(),
        state: word("State:")?,
        numbers: field(&status, "NSpid:")?.into_iter().filter_map(|word| word.parse().ok()).collect(),
    })
}

/// The words after a name at the beginning of a line.
fn field<'a>(text: &'a str, name: &str) -> Option<Vec<&'a str>> {
    Some(text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().collect())
}

/// How many cgroups of version 2 these wardens have made: each one of its own name below the host's or one above that, and
/// leaves in it.
fn cgroups(wardens: &BTreeSet<u32>) -> usize {
    let own = || -> Option<(PathBuf, PathBuf)> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "))?.split_whitespace().nth(4)?;
        let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
        let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
        Some((mount.into(), Path::new(mount).join(own)))
    };
    let Some((mount, own)) = own() else { return 0 };
    let places = own.ancestors().take_while(|place| place.starts_with(&mount));
    let made = places.flat_map(|place| wardens.iter().map(|pid| place.join(format!("zeroboot-{pid}"))));
    made.filter(|group| group.is_dir()).map(|group| 1 + directories(&group)).sum()
}

/// How many directories there are below this one.
fn directories(place: &Path) -> usize {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let below = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    below.map(|entry| 1 + directories(&entry.path())).sum()
}
