//! Which pages of a mapping hold something, and which runs of them are worth a mapping of their own.

use std::ops::Range;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::sys::uio::pread;

use super::area::List;
use super::select::Backing;
use crate::pagemap::Page;

/// What is to become of one page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// It is anonymous memory with content.
    Solid,
    /// Absent, zero, or a file's: nothing is lost if it is not copied.
    Empty,
    /// A guard, which must stay where it is.
    Guard,
}

/// The page table of this process, read a window at a time.
pub(super) struct PageTable {
    file: OwnedFd,
    entries: List<u8>,
    page: u64,
}

const ENTRY: usize = size_of::<Page>();

impl PageTable {
    /// How many pages a window has.
    pub(super) const WINDOW: u64 = 8192;

    pub(super) fn open(page: u64) -> Result<Self, Errno> {
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let file = open("/proc/self/pagemap", flags, Mode::empty())?;
        let entries = List::zeroed(usize::try_from(Self::WINDOW).unwrap_or_default() * ENTRY)?;
        Ok(Self { file, entries, page })
    }

    /// The pages from `start` to `end`, as many as there are in a window, each with its address and class.
    ///
    /// # Safety
    /// The addresses lie in one private mapping with this backing, which may be read and does not change meanwhile.
    pub(super) unsafe fn classes(
        &mut self,
        range: &Range<u64>,
        backing: Backing,
    ) -> Result<impl Iterator<Item = (u64, Class)>, Errno> {
        let count = ((range.end - range.start) / self.page).min(Self::WINDOW);
        let bytes = usize::try_from(count).unwrap_or_default() * ENTRY;
        let offset = i64::try_from(range.start / self.page * ENTRY as u64).map_err(|_| Errno::EOVERFLOW)?;
        if pread(&self.file, &mut self.entries[..bytes], offset)? != bytes {
            return Err(Errno::ENODATA);
        }
        let (page, start) = (self.page, range.start);
        let (entries, _) = self.entries[..bytes].as_chunks::<ENTRY>();
        Ok(entries.iter().zip(0..).map(move |(entry, index)| {
            let address = start + index * page;
            // SAFETY: the caller's promise.
            let is_zero = || unsafe { is_zero(address, page) };
            (address, class(Page(u64::from_ne_bytes(*entry)), backing, is_zero))
        }))
    }
}

fn class(page: Page, backing: Backing, is_zero: impl Fn() -> bool) -> Class {
    let exists = page.is_present() || page.is_swapped();
    match backing {
        _ if page.is_guard() => Class::Guard,
        Backing::File if exists && !page.is_of_file() => Class::Solid,
        Backing::File => Class::Empty,
        // Reading what is not present may raise a signal.
        Backing::Nothing if page.is_present() && is_zero() => Class::Empty,
        Backing::Nothing if exists => Class::Solid,
        Backing::Nothing => Class::Empty,
    }
}

/// # Safety
/// A page of this length is there and may be read.
unsafe fn is_zero(address: u64, page: u64) -> bool {
    let words = std::ptr::with_exposed_provenance::<u64>(usize::try_from(address).unwrap_or_default());
    let mut words = (0..usize::try_from(page).unwrap_or_default() / size_of::<u64>())
        // SAFETY: needed since no reference of this program covers the page. Within it, and aligned; volatile, since it
        // may belong to values of any kind.
        .map(|index| unsafe { words.add(index).read_volatile() });
    words.all(|word| word == 0)
}

/// Joins solid pages to runs. What lies between two of them goes along when it is short: each run costs every fork a
/// mapping, which is dearer than a few pages of the file that nobody may ever touch.
pub(super) struct Runs {
    page: u64,
    /// Up to where a run may reach back.
    from: u64,
    run: Option<Range<u64>>,
}

impl Runs {
    /// The longest gap that goes along, in pages.
    pub(super) const NEAR: u64 = 64;

    pub(super) fn from(start: u64, page: u64) -> Self {
        Self { page, from: start, run: None }
    }

    /// Takes the next page; answers with a run that has ended before it.
    pub(super) fn add(&mut self, address: u64, class: Class) -> Option<Range<u64>> {
        match class {
            Class::Empty => None,
            Class::Guard => {
                let ended = self.end(address);
                self.from = address + self.page;
                ended
            }
            Class::Solid => {
                let next = address + self.page;
                if let Some(run) = &mut self.run
                    && address - run.end <= Self::NEAR * self.page
                {
                    run.end = next;
                    return None;
                }
                let is_near = address - self.from <= Self::NEAR * self.page;
                let start = if is_near { self.from } else { address };
                self.run.replace(start..next)
            }
        }
    }

    /// No page comes any more, up to `end`.
    pub(super) fn end(&mut self, end: u64) -> Option<Range<u64>> {
        let mut run = self.run.take()?;
        if end - run.end <= Self::NEAR * self.page {
            run.end = end;
        }
        Some(run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRESENT: u64 = 1 << 63;
    const SWAPPED: u64 = 1 << 62;
    const OF_FILE: u64 = 1 << 61;
    const GUARD: u64 = 1 << 58;

    #[test]
    fn classes_by_backing() {
        let of = |bits, backing| class(Page(bits), backing, || panic!("it is read"));
        let present = |zero| class(Page(PRESENT), Backing::Nothing, || zero);
        assert_eq!(present(false), Class::Solid);
        assert_eq!(present(true), Class::Empty);
        assert_eq!(of(SWAPPED, Backing::Nothing), Class::Solid);
        assert_eq!(of(0, Backing::Nothing), Class::Empty);
        assert_eq!(of(SWAPPED | GUARD, Backing::Nothing), Class::Guard);
        assert_eq!(of(PRESENT, Backing::File), Class::Solid);
        assert_eq!(of(SWAPPED, Backing::File), Class::Solid);
        assert_eq!(of(PRESENT | OF_FILE, Backing::File), Class::Empty);
        assert_eq!(of(0, Backing::File), Class::Empty);
    }

    /// One character a page: solid, empty (each `~` is as many as may go along), guard.
    fn runs(pages: &str) -> Vec<(u64, u64)> {
        let (mut gather, mut found, mut at) = (Runs::from(0, 1), Vec::<Range<u64>>::new(), 0);
        for letter in pages.chars() {
            let (class, count) = match letter {
                '#' => (Class::Solid, 1),
                '.' => (Class::Empty, 1),
                '~' => (Class::Empty, Runs::NEAR),
                _ => (Class::Guard, 1),
            };
            for _ in 0..count {
                found.extend(gather.add(at, class));
                at += 1;
            }
        }
        found.extend(gather.end(at));
        found.into_iter().map(|run| (run.start, run.end)).collect()
    }

    #[test]
    fn short_gaps_go_along() {
        assert_eq!(runs(""), []);
        assert_eq!(runs("..."), []);
        assert_eq!(runs("##.#"), [(0, 4)]);
        assert_eq!(runs("..#.."), [(0, 5)]);
        assert_eq!(runs("~#~#~"), [(0, 3 * 64 + 2)]);
    }

    #[test]
    fn long_gaps_do_not() {
        assert_eq!(runs(".~#.~"), [(65, 66)]);
        assert_eq!(runs("#.~#"), [(0, 1), (66, 67)]);
    }

    #[test]
    fn guards_are_in_no_run() {
        assert_eq!(runs("#.!.#"), [(0, 2), (3, 5)]);
        assert_eq!(runs("!#!"), [(1, 2)]);
        assert_eq!(runs("#.~!.~#"), [(0, 1), (132, 133)]);
    }
}
