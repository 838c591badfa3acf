//! The processes of this host's templates, found in `/proc`: which they are, what of each can be read, what they hold open.

use std::collections::BTreeMap;

use anyhow::Context;
use procfs::ProcResult;
use procfs::process::{Process, Status, all_processes};

/// Of how many processes of a kind memory is read.
const LOOKED_AT: usize = 64;

/// What the wardens call themselves.
const WARDEN: &str = "zeroboot-warden";

/// The processes below this one, by what they are.
#[derive(Debug, Default)]
pub(crate) struct Family {
    /// Those that own the namespaces.
    pub(crate) wardens: Vec<u32>,
    pub(crate) templates: Vec<u32>,
    /// The inits of sandboxes, and of places that wait for one.
    pub(crate) shells: Vec<u32>,
    pub(crate) sandboxes: Vec<u32>,
}

/// The mean of some processes.
#[derive(Debug, Default)]
pub(crate) struct Mean {
    /// What nobody else maps, of files too.
    pub(crate) private_kib: f64,
    pub(crate) page_table_kib: f64,
    pub(crate) descriptors: f64,
}

/// What belongs to all sandboxes together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    pub(crate) host: usize,
    /// Of the warden that has most.
    pub(crate) warden: usize,
    pub(crate) threads: usize,
}

impl Family {
    /// Looks through all processes.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let mut children: BTreeMap<u32, Vec<(u32, Status)>> = BTreeMap::new();
        for process in all_processes().context("cannot list /proc")? {
            // One that has ended meanwhile is none.
            let Ok(status) = process.and_then(|process| process.status()) else { continue };
            let (pid, parent) = (u32::try_from(status.pid)?, u32::try_from(status.ppid)?);
            children.entry(parent).or_default().push((pid, status));
        }
        let below = |pid: u32| children.get(&pid).into_iter().flatten();
        let mut family = Self::default();
        // A warden is the child of its first stage, and the parent of all others. Other hosts are below this one, too.
        let is_warden = |status: &Status| status.name == WARDEN;
        // Its number in each pid namespace that it is in.
        let numbers = |status: &Status| status.nspid.clone().unwrap_or_default();
        for (stage, _) in below(std::process::id()).filter(|(_, status)| is_warden(status)) {
            for (warden, of_warden) in below(*stage) {
                family.wardens.push(*warden);
                for (pid, status) in below(*warden) {
                    let own = numbers(status);
                    let is_deeper = own.len() > numbers(of_warden).len();
                    let kind = match (is_deeper, own.last()) {
                        (false, _) => &mut family.templates,
                        (true, Some(1)) => &mut family.shells,
                        (true, _) => &mut family.sandboxes,
                    };
                    kind.push(*pid);
                }
            }
        }
        Ok(family)
    }

    /// How many descriptors and threads there are.
    pub(crate) fn held(&self) -> anyhow::Result<Held> {
        let own = Process::myself().context("cannot open /proc/self")?;
        let warden = self.wardens.iter().map(|pid| open(*pid)?.fd_count());
        Ok(Held {
            host: own.fd_count().context("cannot count descriptors")?,
            warden: warden.filter_map(Result::ok).max().unwrap_or_default(),
            threads: own.tasks().context("cannot count threads")?.count(),
        })
    }
}

/// The mean of some of these processes, evenly chosen.
pub(crate) fn mean(processes: &[u32]) -> Mean {
    let step = (processes.len() / LOOKED_AT).max(1);
    let chosen = processes.iter().step_by(step).copied();
    let look = |pid: u32| -> ProcResult<[u64; 3]> {
        let process = open(pid)?;
        let rollup = process.smaps_rollup()?.memory_map_rollup;
        let sums = rollup.0.first().map(|all| &all.extension.map);
        // What is not told counts as nothing.
        let bytes = |name: &str| sums.and_then(|sums| sums.get(name).copied()).unwrap_or_default();
        let private_kib = (bytes("Private_Clean") + bytes("Private_Dirty")) / 1024;
        let page_tables_kib = process.status()?.vmpte.unwrap_or_default();
        Ok([private_kib, page_tables_kib, process.fd_count()? as u64])
    };
    let read: Vec<_> = chosen.filter_map(|pid| look(pid).ok()).collect();
    #[expect(clippy::cast_precision_loss, reason = "a few processes, and the KiB of each")]
    let of = |which: usize| {
        read.iter().map(|numbers| numbers[which]).sum::<u64>() as f64 / read.len().max(1) as f64
    };
    Mean { private_kib: of(0), page_table_kib: of(1), descriptors: of(2) }
}

fn open(pid: u32) -> ProcResult<Process> {
    Process::new(i32::try_from(pid).unwrap_or_default())
}
