//! Taking samples: where a process may have pages for itself, and what its page table says of these.
//!
//! Never here: walking the pages of files one by one in entries, where the kernel can pass them over.

use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::unistd::{Pid, SysconfVar};

use crate::baseline::Baseline;
use crate::counters::{Rollup, Stat, Status};
use crate::directory::Directory;
use crate::error::{SampleError, Source};
use crate::kib::Kib;
use crate::maps;
use crate::page_map::{OwnPages, PageMap};
use crate::pagemap::{Entry, Pagemap, page_size, setting};
use crate::ranges::push;
use crate::sample::{Counters, Memory, Sample};
use crate::scan::Scan;

/// Entries between two places that are read along with them, in pages: cheaper than another call.
const GAP: u64 = 64;

/// How many entries are read of a process at most: 16 GiB of addresses, or of pages where the kernel searches by itself. The
/// process decides how many there are; without memory to speak of it can map as many as its addresses reach.
const MOST_ENTRIES: u64 = 4 << 20;

/// How long the pages of a process are looked for. A process that changes its mappings all the time holds up each reading, and
/// decides how many there are.
const LONGEST: Duration = Duration::from_millis(250);

/// Takes samples, one after the other, in buffers that it keeps: from the second one on it allocates nothing, unless a
/// process is larger than all before.
///
/// For each page that is no file's the kernel is asked whether anybody else maps it. Those pages are found by
/// [`PAGEMAP_SCAN`](https://man7.org/linux/man-pages/man2/PAGEMAP_SCAN.2const.html) (Linux 6.7), where there is a
/// baseline only outside the places that it knows; on an older kernel by reading the entries of all mappings, which takes
/// longer. Both find the same.
#[derive(Debug, Clone)]
pub struct Sampler {
    baseline: Option<Arc<Baseline>>,
    /// Where the baseline has pages.
    areas: Vec<Range<u64>>,
    scan: Option<Scan>,
    page: u64,
    ticks: u64,
    text: Vec<u8>,
    bytes: Vec<u8>,
    places: Vec<Range<u64>>,
    /// Pages copied, for each name of the baseline.
    copied: Vec<u64>,
}

/// Pages that nobody else maps.
#[derive(Debug, Default)]
struct Own {
    copied: u64,
    new: u64,
}

impl Sampler {
    /// One without a baseline: what a process has for itself is not divided further.
    #[must_use]
    pub fn new() -> Self {
        let page = page_size();
        let ticks = setting(SysconfVar::CLK_TCK, 100);
        let own = Directory::of(Pid::this()).ok().and_then(|own| own.open(Source::Pagemap).ok());
        Self {
            baseline: None,
            areas: Vec::new(),
            scan: own.and_then(|file| Scan::of_this_kernel(&Pagemap::new(file), page)),
            page,
            ticks,
            text: Vec::new(),
            bytes: Vec::new(),
            places: Vec::new(),
            copied: Vec::new(),
        }
    }

    /// Compares with this baseline from now on, to tell copied pages from new ones.
    #[must_use]
    pub fn against(self, baseline: Arc<Baseline>) -> Self {
        let areas = baseline.areas(GAP * self.page);
        let copied = vec![0; baseline.names().len()];
        Self { baseline: Some(baseline), areas, copied, ..self }
    }

    /// Whether it has a baseline.
    #[must_use]
    pub fn is_comparing(&self) -> bool {
        self.baseline.is_some()
    }

    /// Does as on a kernel without `PAGEMAP_SCAN`.
    #[must_use]
    pub fn without_scan(self) -> Self {
        Self { scan: None, ..self }
    }

    /// Reads what process `pid` has now, to compare its forks with.
    ///
    /// # Errors
    /// As [`sample`](Self::sample); [`SampleError::Gone`] also when it has ended but is not reaped.
    ///
    /// Manual: `proc_pid_maps(5)`, `proc_pid_pagemap(5)`.
    pub fn baseline(&mut self, pid: Pid) -> Result<Baseline, SampleError> {
        let directory = Directory::of(pid)?;
        let failed = |errno| directory.error(Source::Pagemap, errno);
        let pagemap = Pagemap::new(directory.open(Source::Pagemap).map_err(failed)?);
        let mut pages = Vec::new();
        directory.read(Source::Maps, &mut self.text)?;
        match &mut self.scan {
            Some(scan) => {
                let all = 0..scan.end();
                scan.each_anonymous(&pagemap, all, |range| push(&mut pages, range, 0)).map_err(failed)?;
            }
            None => {
                self.places.clear();
                mappings(&self.text, &mut self.places)
                    .ok_or(SampleError::Format { pid, source_file: Source::Maps })?;
                if entries_of(&self.places, self.page) > MOST_ENTRIES {
                    return Err(failed(Errno::EFBIG));
                }
                for place in &self.places {
                    let found = |address, entry: Entry| {
                        if entry.is_anonymous() {
                            push(&mut pages, address..address + self.page, 0);
                        }
                    };
                    pagemap.each(place.clone(), self.page, &mut self.bytes, found).map_err(failed)?;
                }
            }
        }
        Baseline::new(&self.text, pages).ok_or(SampleError::Format { pid, source_file: Source::Maps })
    }

    /// Takes a picture of process `pid`, which is a number in the pid namespace of the caller's `/proc`.
    ///
    /// Works for a process of any kind, threads and all, and also for one that has ended but is not reaped: its faults
    /// and CPU time are then final. `pid` must be held still, by being the caller's unreaped child or through a pidfd: a
    /// number that has been reaped may belong to another process. The files are read one after the other through
    /// one directory descriptor, so a sample never mixes two processes, but the counters are a few microseconds younger
    /// than the memory.
    ///
    /// The time taken grows with the memory of the process, shared pages included.
    ///
    /// The pages of a process that is not dumpable may be seen by root only (`pagemap` is a file of root's then): the owner
    /// of its user namespace gets sums, as [`Memory::private_kib`] tells.
    ///
    /// # Errors
    ///
    /// [`SampleError::Gone`] when there is no such process, [`SampleError::Permission`] when its memory belongs to
    /// somebody else, [`SampleError::Unsupported`] on a kernel without `pagemap`, [`SampleError::Read`] and
    /// [`SampleError::Format`] otherwise.
    ///
    /// Manual: `proc_pid_stat(5)`, `proc_pid_status(5)`, `proc_pid_pagemap(5)`.
    pub fn sample(&mut self, pid: Pid) -> Result<Sample, SampleError> {
        let directory = Directory::of(pid)?;
        // Memory first: a process that ends in between then gives its final counters and not a mixture.
        let memory = self.memory_in(&directory, pid)?;
        let Counters { state, faults, cpu } = self.counters_in(&directory, pid)?;
        Ok(Sample { state, faults, cpu, memory })
    }

    /// As [`sample`](Self::sample), of the counters alone: a few microseconds, however much memory the process has, and
    /// everybody may see them.
    ///
    /// # Errors
    /// As [`sample`](Self::sample).
    ///
    /// Manual: `proc_pid_stat(5)`.
    pub fn counters(&mut self, pid: Pid) -> Result<Counters, SampleError> {
        self.counters_in(&Directory::of(pid)?, pid)
    }

    /// As [`sample`](Self::sample), of the memory alone; `None` once it has none any more.
    ///
    /// # Errors
    /// As [`sample`](Self::sample).
    pub fn memory(&mut self, pid: Pid) -> Result<Option<Memory>, SampleError> {
        self.memory_in(&Directory::of(pid)?, pid)
    }

    /// Where the copied pages of the last sample came from, and how much from each: a library by its file's name, `[heap]`,
    /// `[stack]` and the like as the kernel calls them, other memory as `[anon]`. The names are the baseline's: nothing
    /// that a fork calls its own memory is heard.
    pub fn copied_from(&self) -> impl Iterator<Item = (&str, Kib)> {
        let names = self.baseline.iter().flat_map(|baseline| baseline.names());
        let amounts = self.copied.iter().map(|pages| self.kib(*pages));
        names.map(String::as_str).zip(amounts).filter(|(_, amount)| *amount > Kib(0))
    }

    /// The pages of process `pid`, a fork of what has the baseline, one by one. It allocates.
    ///
    /// `None` once it has no memory any more, without a baseline, where the caller may see sums only, and where
    /// [`Memory::private_kib`] could not be told.
    ///
    /// # Errors
    /// As [`sample`](Self::sample).
    pub fn page_map(&mut self, pid: Pid) -> Result<Option<PageMap>, SampleError> {
        let directory = Directory::of(pid)?;
        let Some(baseline) = self.baseline.clone() else { return Ok(None) };
        let page = self.page;
        let mut own = OwnPages::default();
        let found = directory.open(Source::Pagemap).and_then(|file| {
            self.own_pages(&directory, file, |address, origin| {
                own.add(address..address + page, origin.is_some());
            })
        });
        match found {
            Ok(Some(())) => Ok(Some(own.map(&baseline, page))),
            Ok(None) | Err(Errno::ESRCH | Errno::EACCES) => Ok(None),
            Err(errno) => Err(directory.error(Source::Pagemap, errno)),
        }
    }

    fn counters_in(&mut self, directory: &Directory, pid: Pid) -> Result<Counters, SampleError> {
        directory.read(Source::Stat, &mut self.text)?;
        let Stat { state, faults, cpu } = Stat::parse(&self.text, self.ticks)
            .ok_or(SampleError::Format { pid, source_file: Source::Stat })?;
        Ok(Counters { state, faults, cpu })
    }

    fn memory_in(&mut self, directory: &Directory, pid: Pid) -> Result<Option<Memory>, SampleError> {
        self.copied.fill(0);
        // Before the text in which their absence is told: a process may end in between.
        let pagemap = directory.open(Source::Pagemap);
        directory.read(Source::Status, &mut self.text)?;
        let status =
            Status::parse(&self.text).ok_or(SampleError::Format { pid, source_file: Source::Status })?;
        let Some(status) = status else { return Ok(None) };
        let own = match pagemap {
            // The file is its owner's only, and that of a process which is not dumpable is root's.
            Err(Errno::EACCES) => return self.sums(directory, status),
            pagemap => pagemap.and_then(|file| self.count_own_pages(directory, file)),
        };
        let own = match own {
            // No memory any more: it is ending.
            Err(Errno::ESRCH) => {
                self.copied.fill(0);
                return Ok(None);
            }
            own => own.map_err(|errno| directory.error(Source::Pagemap, errno))?,
        };
        let compared = own.as_ref().filter(|_| self.baseline.is_some());
        Ok(Some(Memory {
            copied_kib: compared.map(|own| self.kib(own.copied)),
            zeroed_kib: compared.map(|own| self.kib(own.new)),
            ..memory_of(status, own.as_ref().map(|own| self.kib(own.copied + own.new)))
        }))
    }

    /// Where the pages themselves are nobody's business.
    fn sums(&mut self, directory: &Directory, status: Status) -> Result<Option<Memory>, SampleError> {
        match directory.read(Source::SmapsRollup, &mut self.text) {
            Err(SampleError::Gone { .. }) => Ok(None),
            Err(error) => Err(error),
            Ok(()) => {
                let rollup = Rollup::parse(&self.text)
                    .ok_or_else(|| directory.error(Source::SmapsRollup, Errno::EBADMSG))?;
                Ok(Some(memory_of(status, Some(rollup.private))))
            }
        }
    }

    /// `None` where that would take too long.
    fn count_own_pages(&mut self, directory: &Directory, file: OwnedFd) -> Result<Option<Own>, Errno> {
        let mut own = Own::default();
        let mut copied = std::mem::take(&mut self.copied);
        let found = self.own_pages(directory, file, |_, origin| match origin {
            Some(name) => {
                own.copied += 1;
                copied[name] += 1;
            }
            None => own.new += 1,
        });
        self.copied = copied;
        Ok(found?.map(|()| own))
    }

    /// Hands over, in ascending order, each page that nobody else maps, and which name of the baseline it is a copy from.
    /// `None` where that would take too long.
    fn own_pages(
        &mut self,
        directory: &Directory,
        file: OwnedFd,
        found: impl FnMut(u64, Option<usize>),
    ) -> Result<Option<()>, Errno> {
        match self.own_pages_in_time(directory, file, found) {
            Err(Errno::ETIME) => Ok(None),
            result => result,
        }
    }

    fn own_pages_in_time(
        &mut self,
        directory: &Directory,
        file: OwnedFd,
        mut found: impl FnMut(u64, Option<usize>),
    ) -> Result<Option<()>, Errno> {
        let pagemap = Pagemap::until(file, Instant::now() + LONGEST);
        self.places.clear();
        match &mut self.scan {
            Some(scan) => {
                let gap = GAP * self.page;
                let mut start = 0;
                for area in &self.areas {
                    let before = start..area.start;
                    scan.each_anonymous(&pagemap, before, |range| push(&mut self.places, range, gap))?;
                    push(&mut self.places, area.clone(), gap);
                    start = area.end;
                }
                let rest = start..scan.end();
                scan.each_anonymous(&pagemap, rest, |range| push(&mut self.places, range, gap))?;
            }
            None => {
                match crate::directory::read_all(&directory.open(Source::Maps)?, &mut self.text) {
                    Err(Errno::EFBIG) => return Ok(None),
                    result => result?,
                }
                mappings(&self.text, &mut self.places).ok_or(Errno::EBADMSG)?;
            }
        }
        if entries_of(&self.places, self.page) > MOST_ENTRIES {
            return Ok(None);
        }
        let mut comparison = self.baseline.as_deref().map(Baseline::comparison);
        for place in &self.places {
            pagemap.each(place.clone(), self.page, &mut self.bytes, |address, entry| {
                if entry.is_own() {
                    found(address, comparison.as_mut().and_then(|comparison| comparison.origin(address)));
                }
            })?;
        }
        Ok(Some(()))
    }

    const fn kib(&self, pages: u64) -> Kib {
        Kib::from_bytes(pages.saturating_mul(self.page))
    }
}

impl Default for Sampler {
    fn default() -> Self {
        Self::new()
    }
}

/// What the kernel has counted, and how much of it is private.
fn memory_of(status: Status, private: Option<Kib>) -> Memory {
    Memory {
        resident_kib: status.resident,
        private_kib: private,
        shared_kib: private.map(|private| status.resident.since(private)),
        copied_kib: None,
        zeroed_kib: None,
        swapped_kib: status.swapped,
        page_tables_kib: status.page_tables,
        peak_kib: status.peak,
    }
}

/// Adds the addresses of all mappings; `None` when the text is none of mappings.
fn mappings(text: &[u8], places: &mut Vec<Range<u64>>) -> Option<()> {
    for line in maps::lines(text) {
        let addresses = line?.addresses;
        // What lies above is the kernel's half: `[vsyscall]`.
        if addresses.end >> 63 == 0 {
            push(places, addresses, 0);
        }
    }
    Some(())
}

fn entries_of(places: &[Range<u64>], page: u64) -> u64 {
    places.iter().map(|place| (place.end - place.start) / page).sum()
}
