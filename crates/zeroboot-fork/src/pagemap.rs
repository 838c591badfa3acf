//! Entries of `/proc/<pid>/pagemap`. See the kernel's `admin-guide/mm/pagemap.rst`.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// What a page table says of one page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Page(pub(crate) u64);

impl Page {
    /// It has memory of its own, or a file's, or shares the page of zeroes.
    pub(crate) fn is_present(self) -> bool {
        self.has(63)
    }

    /// It has memory of its own that is not in memory now. So has a mark that is no page: reading that may fail.
    pub(crate) fn is_swapped(self) -> bool {
        self.has(62)
    }

    /// It is a file's, or anonymous memory that is shared.
    pub(crate) fn is_of_file(self) -> bool {
        self.has(61)
    }

    /// Whoever touches it gets a signal (`MADV_GUARD_INSTALL`).
    pub(crate) fn is_guard(self) -> bool {
        self.has(58)
    }

    /// Nobody else has it, and it is not the page of zeroes.
    pub(crate) fn is_mapped_once(self) -> bool {
        self.has(56)
    }

    fn has(self, bit: u32) -> bool {
        self.0 >> bit & 1 == 1
    }
}

/// Where entries are read to, a window at a time.
pub(crate) struct Window {
    bytes: Vec<u8>,
    page: u64,
}

const ENTRY: usize = size_of::<Page>();

impl Window {
    /// How many entries are read at once.
    const ENTRIES: u64 = 8192;

    /// For pages of this size in bytes.
    pub(crate) fn new(page: u64) -> Self {
        Self { bytes: Vec::new(), page }
    }

    /// Hands over each page of a range with its address; none beyond what user space may map.
    pub(crate) fn each(
        &mut self,
        pagemap: &File,
        mut range: Range<u64>,
        mut found: impl FnMut(u64, Page),
    ) -> io::Result<()> {
        let page = self.page;
        while !range.is_empty() {
            let mut address = range.start;
            for entry in self.read(pagemap, &range)? {
                found(address, entry);
                address += page;
            }
            if address == range.start {
                return Ok(());
            }
            range.start = address;
        }
        Ok(())
    }

    /// The pages from the start of a range, as many as there are in a window; none beyond what user space may map.
    pub(crate) fn read(
        &mut self,
        pagemap: &File,
        range: &Range<u64>,
    ) -> io::Result<impl Iterator<Item = Page>> {
        let count = ((range.end - range.start) / self.page).clamp(1, Self::ENTRIES);
        self.bytes.resize(usize::try_from(count).unwrap_or_default() * ENTRY, 0);
        let length = pagemap.read_at(&mut self.bytes, range.start / self.page * ENTRY as u64)?;
        let (entries, _) = self.bytes[..length].as_chunks::<ENTRY>();
        Ok(entries.iter().map(|entry| Page(u64::from_ne_bytes(*entry))))
    }
}
