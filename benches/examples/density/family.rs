//! The processes of this host's templates, found in `/proc`: which they are, what of each can be read, what they hold open.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use anyhow::Context;

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

/// What `/proc/<pid>/status` says of a process.
struct Status {
    parent: u32,
    /// In how many pid namespaces it has a number, and the innermost one.
    depth: usize,
    number: u32,
    fields: BTreeMap<String, String>,
}

impl Family {
    /// Looks through all processes.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let mut children: BTreeMap<u32, Vec<(u32, Status)>> = BTreeMap::new();
        for entry in fs::read_dir("/proc").context("cannot list /proc")? {
            let name = entry.context("cannot list /proc")?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            // One that has ended meanwhile is none.
            if let Ok(status) = status(pid) {
                children.entry(status.parent).or_default().push((pid, status));
            }
        }
        let below = |pid: u32| children.get(&pid).into_iter().flatten();
        let mut family = Self::default();
        // A warden is the child of its first stage, and the parent of all others. Other hosts are below this one, too.
        let is_warden = |status: &Status| status.fields.get("Name").is_some_and(|name| name == WARDEN);
        for (stage, _) in below(std::process::id()).filter(|(_, status)| is_warden(status)) {
            for (warden, of_warden) in below(*stage) {
                family.wardens.push(*warden);
                for (pid, status) in below(*warden) {
                    let kind = match (status.depth > of_warden.depth, status.number) {
                        (false, _) => &mut family.templates,
                        (true, 1) => &mut family.shells,
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
        let own = "/proc/self";
        let warden = self.wardens.iter().map(|pid| count(&format!("/proc/{pid}/fd")));
        Ok(Held {
            host: count(&format!("{own}/fd")).context("cannot count descriptors")?,
            warden: warden.filter_map(Result::ok).max().unwrap_or_default(),
            threads: count(&format!("{own}/task")).context("cannot count threads")?,
        })
    }
}

/// The mean of some of these processes, evenly chosen.
pub(crate) fn mean(processes: &[u32]) -> Mean {
    let step = (processes.len() / LOOKED_AT).max(1);
    let chosen = processes.iter().step_by(step).copied();
    let look = |pid: u32| -> io::Result<[u64; 3]> {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let rollup = fields(&rollup);
        let private = kib(&rollup, "Private_Clean") + kib(&rollup, "Private_Dirty");
        Ok([private, kib(&status(pid)?.fields, "VmPTE"), count(&format!("/proc/{pid}/fd"))? as u64])
    };
    let read: Vec<_> = chosen.filter_map(|pid| look(pid).ok()).collect();
    #[expect(clippy::cast_precision_loss, reason = "a few processes, and the KiB of each")]
    let of = |which: usize| {
        read.iter().map(|numbers| numbers[which]).sum::<u64>() as f64 / read.len().max(1) as f64
    };
    Mean { private_kib: of(0), page_table_kib: of(1), descriptors: of(2) }
}

fn status(pid: u32) -> io::Result<Status> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let fields = fields(&text);
    let numbers = |name: &str| -> Vec<u32> {
        let words = fields.get(name).map(String::as_str).unwrap_or_default().split_whitespace();
        words.filter_map(|word| word.parse().ok()).collect()
    };
    let own = numbers("NSpid");
    Ok(Status {
        parent: numbers("PPid").first().copied().unwrap_or_default(),
        depth: own.len(),
        number: own.last().copied().unwrap_or_default(),
        fields,
    })
}

fn fields(text: &str) -> BTreeMap<String, String> {
    let field =
        |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    text.lines().filter_map(field).collect()
}

/// What is not told counts as nothing.
fn kib(fields: &BTreeMap<String, String>, name: &str) -> u64 {
    let field = fields.get(name).and_then(|field| field.strip_suffix("kB"));
    field.and_then(|kib| kib.trim().parse().ok()).unwrap_or_default()
}

fn count(directory: &str) -> io::Result<usize> {
    Ok(fs::read_dir(directory)?.count())
}
