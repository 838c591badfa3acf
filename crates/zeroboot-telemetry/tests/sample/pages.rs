//! The account of a fork's pages: so many written, so many counted. Each state is looked at by the kernel's search and by
//! entries alone, which must say the same.

use std::ops::Range;
use std::sync::Arc;

use libtest_mimic::Failed;
use zeroboot_telemetry::{Kib, MappedPages, Memory, Sampler, State};

use crate::subject::{AREA, Subject, WRITTEN, page_size};
use crate::{check, ensure, memory_of};

/// A fork of a subject that has a baseline, and the ways to look at it.
struct Fork {
    subject: Subject,
    scanning: Sampler,
    reading: Sampler,
}

/// What was seen of a fork: memory, and the copies by name.
struct Seen {
    memory: Memory,
    copied_from: Vec<(String, Kib)>,
}

impl Fork {
    fn start() -> Result<Self, Failed> {
        Self::of(Subject::start()?, 0)
    }

    /// Its template writes so many pages of the area `thawed` as soon as it is forked.
    fn of(mut subject: Subject, pages: usize) -> Result<Self, Failed> {
        let (mut scanning, mut reading) = (Sampler::new(), Sampler::new().without_scan());
        let baselines = (scanning.baseline(subject.pid)?, reading.baseline(subject.pid)?);
        check("baseline", &baselines.0, &baselines.1)?;
        let baseline = Arc::new(baselines.0);
        subject.fork("thawed", pages)?;
        let scanning = scanning.against(Arc::clone(&baseline));
        Ok(Self { subject, scanning, reading: reading.against(baseline) })
    }

    fn look(&mut self) -> Result<Seen, Failed> {
        let [scanned, read] = [&mut self.scanning, &mut self.reading].map(|sampler| {
            let memory = memory_of(&sampler.sample(self.subject.pid)?)?;
            let copied_from = sampler.copied_from().map(|(name, amount)| (name.to_owned(), amount)).collect();
            Ok::<_, Failed>(Seen { memory, copied_from })
        });
        let (scanned, read) = (scanned?, read?);
        check("both ways", &read.memory, &scanned.memory)?;
        check("both ways", &read.copied_from, &scanned.copied_from)?;
        let amounts = scanned.copied_from.iter().map(|(_, amount)| *amount);
        check("copies and their origins", Some(amounts.sum()), scanned.memory.copied_kib)?;
        let [copied, zeroed, private] = scanned.parts()?;
        check("private is copied and zeroed", copied + zeroed, private)?;
        Ok(scanned)
    }

    /// Does it, and checks how many pages more are copied and new. (How many more are resident is not as certain: a fork's
    /// first steps through a function map the pages of its code.)
    fn expect(&mut self, words: &str, copied: i64, zeroed: i64) -> Result<(Seen, Seen), Failed> {
        let before = self.look()?;
        self.subject.ask(words)?;
        let after = self.look()?;
        let ([copied_before, zeroed_before, _], [copied_after, zeroed_after, _]) =
            (before.parts()?, after.parts()?);
        check(&format!("copied by {words}"), difference(copied_before, copied_after), copied)?;
        check(&format!("zeroed by {words}"), difference(zeroed_before, zeroed_after), zeroed)?;
        Ok((before, after))
    }
}

impl Seen {
    fn parts(&self) -> Result<[Kib; 3], Failed> {
        let Memory { copied_kib, zeroed_kib, private_kib, .. } = self.memory;
        let parts = copied_kib.zip(zeroed_kib).zip(private_kib);
        parts.map(|((copied, zeroed), private)| [copied, zeroed, private]).ok_or_else(|| "no parts".into())
    }

    /// How many pages were copied from memory of this name.
    fn copied_from(&self, name: &str) -> i64 {
        let amounts = self.copied_from.iter().filter(|(known, _)| known == name);
        difference(Kib(0), amounts.map(|(_, amount)| *amount).sum())
    }
}

/// In pages.
fn difference(before: Kib, after: Kib) -> i64 {
    let kib = i64::try_from(after.0).unwrap_or(i64::MAX) - i64::try_from(before.0).unwrap_or(i64::MAX);
    kib / i64::try_from(page_size() / 1024).unwrap_or(4)
}

pub(crate) fn what_is_written_is_copied() -> Result<(), Failed> {
    let mut fork = Fork::start()?;
    let (before, after) = fork.expect("write old 3 1", 1, 0)?;
    check("from", after.copied_from("[anon]") - before.copied_from("[anon]"), 1)?;
    fork.expect("write old 3 1", 0, 0)?;
    fork.expect("write old 100 700", 700, 0)?;
    let (_, after) = fork.expect("write thawed 10 20", 20, 0)?;
    check("from", after.copied_from("memfd:thawed"), 20)
}

pub(crate) fn a_map_has_each_page_once() -> Result<(), Failed> {
    let mut fork = Fork::start()?;
    fork.expect("write old 100 700", 700, 0)?;
    fork.expect("write fresh 1000 300", 0, 300)?;
    fork.expect("write thawed 10 20", 20, 0)?;
    let seen = fork.look()?;
    let map = fork.scanning.page_map(fork.subject.pid)?.ok_or("no map")?;
    let read = fork.reading.page_map(fork.subject.pid)?.ok_or("no map")?;
    check("both ways", &read, &map)?;
    let [copied, zeroed, _] = seen.parts()?;
    let pages = |kind: fn(&MappedPages) -> &Vec<Range<u64>>, name: &str| -> i64 {
        let named = map.mappings.iter().filter(|mapping| name.is_empty() || mapping.name == name);
        let bytes = named.flat_map(kind).map(|range| range.end - range.start).sum::<u64>();
        i64::try_from(bytes / map.page).unwrap_or(i64::MAX)
    };
    check("copied", pages(|it| &it.copied, ""), difference(Kib(0), copied))?;
    check("zeroed", pages(|it| &it.zeroed, ""), difference(Kib(0), zeroed))?;
    check("copied of one", pages(|it| &it.copied, "memfd:thawed"), 20)?;
    let area = i64::try_from(AREA / page_size())?;
    check("the rest of it", pages(|it| &it.shared, "memfd:thawed"), area - 20)
}

pub(crate) fn what_is_read_is_shared() -> Result<(), Failed> {
    let mut fork = Fork::start()?;
    fork.expect("read old 0 1500", 0, 0)?;
    let (_, after) = fork.expect("read thawed 0 1500", 0, 0)?;
    check("from", after.copied_from("memfd:thawed"), 0)
}

pub(crate) fn what_was_not_there_is_zeroed() -> Result<(), Failed> {
    let mut fork = Fork::start()?;
    fork.expect(&format!("write old {WRITTEN} 1"), 0, 1)?;
    // One here and there, with gaps of every length up to one that is not read over.
    for page in 0..20 {
        fork.expect(&format!("write fresh {} 1", page * page), 0, 1)?;
    }
    fork.expect("write fresh 1000 300", 0, 300).map(drop)
}

pub(crate) fn the_page_of_zeroes_is_nobodys() -> Result<(), Failed> {
    let mut fork = Fork::start()?;
    fork.expect("read fresh 0 200", 0, 0)?;
    fork.expect("write fresh 100 100", 0, 100).map(drop)
}

/// The kernel gives a new page in either case; which it is is told by the place.
pub(crate) fn the_page_of_zeroes_is_something_in_a_template() -> Result<(), Failed> {
    let mut template = Subject::start()?;
    template.ask("read fresh 100 100")?;
    let mut fork = Fork::of(template, 0)?;
    fork.expect("read fresh 0 300", 0, 0)?;
    fork.expect("write fresh 50 200", 100, 100).map(drop)
}

/// The kernel's search is asked more than once.
pub(crate) fn many_places_are_all_found() -> Result<(), Failed> {
    let mut fork = Fork::start()?;
    let before = fork.look()?.parts()?[1];
    for page in (0..16_000).step_by(100) {
        fork.subject.ask(&format!("write fresh {page} 1"))?;
    }
    check("zeroed", difference(before, fork.look()?.parts()?[1]), 160)
}

pub(crate) fn frozen_memory_is_copied_where_it_is_written() -> Result<(), Failed> {
    let mut fork = Fork::start()?;
    let (_, after) = fork.expect("write frozen 0 100", 100, 0)?;
    check("from", after.copied_from("memfd:frozen"), 100)?;
    let before = fork.look()?;
    fork.subject.ask("read frozen 500 1000")?;
    let after = fork.look()?;
    check("private", after.memory.private_kib, before.memory.private_kib)?;
    // Older kernels are behind with the resident sum, by what 64 faults have mapped: 200 more bring it up to date, but for 64.
    fork.subject.ask("write fresh 2000 200")?;
    let after = fork.look()?;
    let resident = difference(before.memory.resident_kib, after.memory.resident_kib);
    ensure(&format!("{resident} of 1200 pages are there"), resident >= 1100)
}

pub(crate) fn shared_memory_is_not_private() -> Result<(), Failed> {
    let mut fork = Fork::start()?;
    fork.expect(&format!("write shared {WRITTEN} 100"), 0, 0).map(drop)
}

pub(crate) fn a_huge_page_counts_in_full() -> Result<(), Failed> {
    let mut fork = Fork::start()?;
    // Whatever the size of what is copied: a fork's huge page is taken apart when it is written.
    let before = fork.look()?;
    fork.subject.ask("write huge 0 1")?;
    let copied = fork.look()?;
    let pages = difference(before.parts()?[0], copied.parts()?[0]);
    ensure("copied", pages == 1 || pages == huge_page())?;
    // Far from anything that was written before; as large as the kernel found memory for.
    fork.subject.ask(&format!("write huge {} 1", 8 * WRITTEN / 2))?;
    let zeroed = fork.look()?;
    let pages = difference(copied.parts()?[1], zeroed.parts()?[1]);
    ensure("small or huge", pages == 1 || pages == huge_page())
}

/// How many pages are in one, where transparent huge pages are as usual.
fn huge_page() -> i64 {
    i64::try_from(page_size() / 8).unwrap_or_default()
}

pub(crate) fn a_page_that_is_dropped_counts_no_more() -> Result<(), Failed> {
    let mut fork = Fork::start()?;
    fork.expect("write old 0 50", 50, 0)?;
    fork.expect("drop old 0 50", -50, 0)?;
    fork.expect("write frozen 0 50", 50, 0)?;
    fork.expect("drop frozen 0 50", -50, 0).map(drop)
}

/// Who makes the copy does not matter: there are two pages where there was one.
pub(crate) fn what_the_template_writes_stays_with_the_fork() -> Result<(), Failed> {
    let mut fork = Fork::of(Subject::start()?, 40)?;
    check("from", fork.look()?.copied_from("memfd:thawed"), 40)?;
    fork.expect("write thawed 0 40", 0, 0)?;
    fork.expect("write thawed 0 41", 1, 0).map(drop)
}

pub(crate) fn without_a_baseline_nothing_is_divided() -> Result<(), Failed> {
    let mut fork = Fork::start()?;
    fork.subject.ask("write old 0 100")?;
    fork.subject.ask("write fresh 0 100")?;
    let compared = fork.look()?.memory;
    for mut sampler in [Sampler::new(), Sampler::new().without_scan()] {
        let alone = memory_of(&sampler.sample(fork.subject.pid)?)?;
        check("alone", alone, Memory { copied_kib: None, zeroed_kib: None, ..compared })?;
        check("origins", sampler.copied_from().count(), 0)?;
    }
    Ok(())
}

/// What a process calls itself and its memory, and what it does to look like somebody else.
pub(crate) fn names_from_inside_change_nothing() -> Result<(), Failed> {
    let mut fork = Fork::start()?;
    fork.subject.ask("write old 0 100")?;
    let before = fork.look()?;
    fork.subject.ask("forge")?;
    let after = fork.look()?;
    check("parts", after.parts()?, before.parts()?)?;
    check("origins", after.copied_from, before.copied_from)?;
    let [_, minor, major] = fork.subject.ask("usage")?;
    let sample = fork.scanning.sample(fork.subject.pid)?;
    // It may still be on its way to sleep.
    ensure("state", matches!(sample.state, State::Sleeping | State::Running))?;
    check("faults", [sample.faults.minor, sample.faults.major], [minor, major])
}
