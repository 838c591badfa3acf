//! What the kernel uses memory for, in KiB: `/proc/meminfo`, `/proc/slabinfo`, and what is available as the bench counts it.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use zeroboot_benches::memory;

/// How many kinds of kernel objects are told.
const OBJECTS: usize = 5;

/// How long what was freed may wait for its turn (RCU, deferred work) before it is looked at.
const DEFERRED: Duration = Duration::from_secs(1);

/// The whole machine at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) available: u64,
    fields: BTreeMap<String, u64>,
    /// `None` where only root may read it, and this is not root.
    slabs: Option<BTreeMap<String, u64>>,
}

/// A part of what was taken between two moments, in KiB; less than nothing where something else was given back.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) kib: f64,
}

/// What was taken between two moments, in KiB.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) all: f64,
    /// They add up to it; the last one is what no counter explains.
    pub(crate) parts: Vec<Part>,
    /// The kernel gives it back when memory is short, so `MemAvailable` counts it as there.
    pub(crate) reclaimable: f64,
    /// The kinds of kernel objects that grew most, in either kind of slab.
    pub(crate) objects: Vec<Part>,
}

impl Snapshot {
    /// When it has become quiet.
    pub(crate) fn settled() -> anyhow::Result<Self> {
        thread::sleep(DEFERRED);
        memory::settled()?;
        let slabs = fs::read_to_string("/proc/slabinfo").ok();
        let meminfo = fs::read_to_string("/proc/meminfo").context("cannot read /proc/meminfo")?;
        Ok(Self {
            available: memory::available()?,
            fields: meminfo.lines().filter_map(field).collect(),
            slabs: slabs.map(|text| slab_sizes(&text)).transpose()?,
        })
    }

    /// What was taken since an earlier moment.
    pub(crate) fn since(&self, before: &Self) -> Taken {
        let of = |name: &str| grown(self.fields.get(name).copied(), before.fields.get(name).copied());
        let part = |name: &str, kib: f64| Part { name: name.to_owned(), kib };
        let all = grown(Some(before.available), Some(self.available));
        let mut parts = vec![
            part("pages of processes (AnonPages)", of("AnonPages")),
            part("page tables (PageTables)", of("PageTables")),
            part("kernel stacks (KernelStack)", of("KernelStack")),
            // Stacks are areas of this kind, too.
            part("other areas (VmallocUsed)", of("VmallocUsed") - of("KernelStack")),
            part("objects (SUnreclaim)", of("SUnreclaim")),
            part("per processor (Percpu)", of("Percpu")),
            part("files in memory (Shmem)", of("Shmem")),
        ];
        let rest = all - parts.iter().map(|part| part.kib).sum::<f64>();
        parts.push(part("not explained", rest));
        Taken { all, parts, reclaimable: of("SReclaimable"), objects: self.objects_since(before) }
    }

    fn objects_since(&self, before: &Self) -> Vec<Part> {
        let (Some(now), Some(before)) = (&self.slabs, &before.slabs) else { return Vec::new() };
        let mut grew: Vec<Part> = now
            .iter()
            .map(|(name, kib)| Part { name: name.clone(), kib: grown(Some(*kib), before.get(name).copied()) })
            .collect();
        grew.sort_by(|one, other| other.kib.total_cmp(&one.kib));
        grew.truncate(OBJECTS);
        grew
    }
}

impl Taken {
    /// What of it another one does not have. The kinds of objects are this one's.
    pub(crate) fn minus(mut self, other: &Self) -> Self {
        self.all -= other.all;
        self.reclaimable -= other.reclaimable;
        for (part, of_other) in self.parts.iter_mut().zip(&other.parts) {
            part.kib -= of_other.kib;
        }
        self
    }

    /// The same for one of so many.
    pub(crate) fn each(&self, many: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a number of processes")]
        let many = many.max(1) as f64;
        let share = |parts: &[Part]| {
            parts.iter().map(|part| Part { name: part.name.clone(), kib: part.kib / many }).collect()
        };
        Self {
            all: self.all / many,
            parts: share(&self.parts),
            reclaimable: self.reclaimable / many,
            objects: share(&self.objects),
        }
    }
}

/// How much more there is now; what is not told counts as nothing.
#[expect(clippy::cast_precision_loss, reason = "parts of a machine's memory")]
fn grown(now: Option<u64>, before: Option<u64>) -> f64 {
    now.unwrap_or_default() as f64 - before.unwrap_or_default() as f64
}

fn field(line: &str) -> Option<(String, u64)> {
    let (name, rest) = line.split_once(':')?;
    let kib = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some((name.to_owned(), kib))
}

/// See `slabinfo(5)`: the name, four numbers of objects, the pages of each slab, and after the second colon the slabs.
fn slab_sizes(text: &str) -> anyhow::Result<BTreeMap<String, u64>> {
    let page = memory::page_kib()?;
    let size = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?.to_owned();
        let pages: u64 = words.nth(4)?.parse().ok()?;
        let (_, data) = line.split_once("slabdata")?;
        let slabs: u64 = data.split_whitespace().nth(1)?.parse().ok()?;
        Some((name, slabs * pages * page))
    };
    Ok(text.lines().filter_map(size).collect())
}
