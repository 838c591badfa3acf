//! Mappings of all kinds, laid out by chance but the same for the same seed, each page with a content that is known.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::fs::File;
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::ptr;

pub(super) const PAGE: usize = 4096;

/// Numbers by chance: `xorshift64*`.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("small")
    }

    pub(super) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// What a page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Never touched, or a hole.
    Zero,
    /// A pattern that this number makes.
    Pattern(u64),
}

impl Content {
    fn fill(self, page: &mut [u8; PAGE]) {
        match self {
            Self::Zero => page.fill(0),
            Self::Pattern(number) => {
                let mut chance = Chance::new(number);
                page.chunks_mut(8).for_each(|word| word.copy_from_slice(&chance.next().to_ne_bytes()));
            }
        }
    }
}

/// What a mapping is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Anonymous,
    /// Its file has a pattern of its own.
    File,
    Shared,
    /// `MADV_DONTFORK`
    NotInherited,
    /// `MADV_WIPEONFORK`
    Wiped,
    Locked,
}

#[derive(Debug)]
pub(super) struct Mapping {
    pub(super) pages: Range<usize>,
    pub(super) kind: Kind,
    pub(super) protection: libc::c_int,
}

/// Neighbouring mappings.
#[derive(Debug)]
pub(super) struct Layout {
    start: *mut u8,
    pub(super) mappings: Vec<Mapping>,
    /// Of each page.
    pub(super) contents: Vec<Content>,
}

const READ: libc::c_int = libc::PROT_READ;
const WRITE: libc::c_int = libc::PROT_WRITE;

impl Layout {
    /// Up to 24 mappings of up to 300 pages.
    pub(super) fn by(chance: &mut Chance) -> Self {
        let sizes: Vec<usize> = (0..2 + chance.below(23)).map(|_| size(chance)).collect();
        let total = sizes.iter().sum::<usize>();
        let start = map(ptr::null_mut(), total, libc::PROT_NONE, libc::MAP_NORESERVE, None);
        let mut layout = Self { start, mappings: Vec::new(), contents: vec![Content::Zero; total] };
        let mut first = 0;
        for pages in sizes {
            layout.add(chance, first..first + pages);
            first += pages;
        }
        layout
    }

    fn add(&mut self, chance: &mut Chance, pages: Range<usize>) {
        use Kind::{Anonymous, File, Locked, NotInherited, Shared, Wiped};
        let kind = chance.one_of(&[
            Anonymous,
            Anonymous,
            Anonymous,
            Anonymous,
            File,
            File,
            File,
            Shared,
            NotInherited,
            Wiped,
            Locked,
        ]);
        let file = (kind == File).then(|| self.new_file(chance, &pages));
        let start = self.address(pages.start);
        let sharing = if kind == Shared { libc::MAP_SHARED } else { libc::MAP_PRIVATE };
        let reserve = chance.one_of(&[0, 0, libc::MAP_NORESERVE]);
        map(start, pages.len(), READ | WRITE, libc::MAP_FIXED | sharing | reserve, file.as_ref());
        let density = chance.one_of(&[0, 1, 10, 60, 100, 100]);
        for page in pages.clone() {
            match chance.below(100) {
                lot if lot < density => self.write(page, Content::Pattern(chance.next())),
                // A page of zeroes that exists, and one that is only looked at.
                98 => self.write(page, Content::Zero),
                99 => self.check(page),
                _ => {}
            }
        }
        let advice = match kind {
            Anonymous => {
                chance.one_of(&[0, 0, libc::MADV_DONTDUMP, libc::MADV_NOHUGEPAGE, libc::MADV_RANDOM])
            }
            NotInherited => libc::MADV_DONTFORK,
            Wiped => libc::MADV_WIPEONFORK,
            _ => 0,
        };
        let bytes = pages.len() * PAGE;
        // SAFETY: exactly this mapping; no advice changes its content.
        assert_eq!(unsafe { libc::madvise(start.cast(), bytes, advice) }, 0, "{advice}");
        if kind == Locked {
            // SAFETY: the same. A limit may forbid it: then the mapping is not locked.
            unsafe { libc::mlock(start.cast(), bytes) };
        }
        let protection = chance.one_of(&[
            READ | WRITE,
            READ | WRITE,
            READ | WRITE,
            READ,
            READ | WRITE | libc::PROT_EXEC,
            0,
        ]);
        self.mappings.push(Mapping { pages: pages.clone(), kind, protection });
        self.protect(&pages, protection);
    }

    /// A file with a pattern a page, of which this mapping shows what it has not written itself.
    fn new_file(&mut self, chance: &mut Chance, pages: &Range<usize>) -> OwnedFd {
        let file = tempfile::tempfile().expect("a file");
        for (page, offset) in pages.clone().zip(0..) {
            let (content, mut bytes) = (Content::Pattern(chance.next()), [0; PAGE]);
            content.fill(&mut bytes);
            file.write_all_at(&bytes, offset * PAGE as u64).expect("room");
            self.contents[page] = content;
        }
        File::into(file)
    }

    pub(super) fn protect(&self, pages: &Range<usize>, protection: libc::c_int) {
        // SAFETY: pages of this layout, to which nobody holds a reference.
        let result =
            unsafe { libc::mprotect(self.address(pages.start).cast(), pages.len() * PAGE, protection) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    }

    pub(super) fn address(&self, page: usize) -> *mut u8 {
        assert!(page < self.contents.len());
        // SAFETY: inside the layout.
        unsafe { self.start.add(page * PAGE) }
    }

    /// The page must be writable.
    pub(super) fn write(&mut self, page: usize, content: Content) {
        let mut bytes = [0; PAGE];
        content.fill(&mut bytes);
        // SAFETY: a page of this layout, to which nobody holds a reference.
        unsafe { self.address(page).copy_from_nonoverlapping(bytes.as_ptr(), PAGE) };
        self.contents[page] = content;
    }

    /// The page must be readable.
    pub(super) fn read(&self, page: usize) -> [u8; PAGE] {
        // SAFETY: a page of this layout, which stays while it is copied.
        unsafe { self.address(page).cast::<[u8; PAGE]>().read_volatile() }
    }

    /// The page has the content that it should have.
    pub(super) fn check(&self, page: usize) {
        self.expect(page, self.contents[page]);
    }

    pub(super) fn expect(&self, page: usize, content: Content) {
        let mut expected = [0; PAGE];
        content.fill(&mut expected);
        assert!(self.read(page) == expected, "page {page} of {:?}", self.mapping(page));
    }

    pub(super) fn mapping(&self, page: usize) -> &Mapping {
        self.mappings.iter().find(|mapping| mapping.pages.contains(&page)).expect("a mapping")
    }

    /// All pages whose mapping can be read.
    pub(super) fn check_all(&self) {
        for mapping in &self.mappings {
            if mapping.protection & READ != 0 {
                mapping.pages.clone().for_each(|page| self.check(page));
            }
        }
    }

    /// Pages that this process may write for itself alone.
    pub(super) fn writable(&self) -> Vec<usize> {
        let writable = |mapping: &&Mapping| mapping.protection & WRITE != 0 && mapping.kind != Kind::Shared;
        self.mappings.iter().filter(writable).flat_map(|mapping| mapping.pages.clone()).collect()
    }

    /// What the kernel says of each page, but for what a freeze changes by design: `ac` (a read-only mapping of a file
    /// does not count as committed memory) and `sd` (a mark of change).
    pub(super) fn marks(&self) -> BTreeMap<usize, String> {
        let smaps = std::fs::read_to_string("/proc/self/smaps").expect("smaps");
        let (mut marks, mut head) = (BTreeMap::new(), None);
        for line in smaps.lines() {
            let first = line.split(' ').next().unwrap_or_default();
            if let Some((start, end)) = first.split_once('-') {
                let number = |digits| usize::from_str_radix(digits, 16).expect("a number");
                head = Some((number(start)..number(end), line.split(' ').nth(1).unwrap_or_default()));
            }
            if let (Some(flags), Some((range, protection))) = (line.strip_prefix("VmFlags: "), &head) {
                let flags: Vec<&str> =
                    flags.split_whitespace().filter(|f| !["ac", "sd"].contains(f)).collect();
                for page in 0..self.contents.len() {
                    if range.contains(&self.address(page).addr()) {
                        marks.insert(page, format!("{protection} {}", flags.join(" ")));
                    }
                }
            }
        }
        marks
    }
}

impl Drop for Layout {
    fn drop(&mut self) {
        // SAFETY: made by this value, and not used after it.
        unsafe { libc::munmap(self.start.cast(), self.contents.len() * PAGE) };
    }
}

fn size(chance: &mut Chance) -> usize {
    let most = chance.one_of(&[1, 4, 40, 300]);
    1 + chance.below(most)
}

/// Anonymous without a file.
pub(super) fn map(
    start: *mut u8,
    pages: usize,
    protection: libc::c_int,
    flags: libc::c_int,
    file: Option<&OwnedFd>,
) -> *mut u8 {
    let sharing = if flags & libc::MAP_SHARED == 0 { libc::MAP_PRIVATE } else { 0 };
    let (flags, fd) = match file {
        Some(file) => (flags | sharing, file.as_raw_fd()),
        None => (flags | sharing | libc::MAP_ANONYMOUS, -1),
    };
    // SAFETY: a fresh mapping where the kernel likes, or over a part of the caller's own.
    let start = unsafe { libc::mmap(start.cast::<c_void>(), pages * PAGE, protection, flags, fd, 0) };
    assert_ne!(start, libc::MAP_FAILED, "{}", std::io::Error::last_os_error());
    start.cast()
}
