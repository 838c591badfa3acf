//! `PAGEMAP_SCAN`: where the kernel (6.7 and later) looks for pages by itself, and passes over what is empty at no cost.
//!
//! It knows no category for *mapped by nobody else*: that is read of the pages found, from their entries.

use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;

use crate::pagemap::Pagemap;

/// How many regions the kernel tells at once.
const REGIONS: usize = 128;

const FILE: u64 = 1 << 2;
const PRESENT: u64 = 1 << 3;
const SWAPPED: u64 = 1 << 4;

/// `struct page_region` of `linux/fs.h`.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
struct Region {
    start: u64,
    end: u64,
    categories: u64,
}

/// `struct pm_scan_arg` of `linux/fs.h`.
#[derive(Debug, Default)]
#[repr(C)]
struct Argument {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

nix::ioctl_readwrite!(
    /// See `PAGEMAP_SCAN(2const)`.
    pagemap_scan,
    b'f',
    16,
    Argument
);

/// The kernel's search, and the place where it puts what it finds.
#[derive(Debug, Clone)]
pub(crate) struct Scan {
    regions: Vec<Region>,
    /// Where the addresses of a process end.
    end: u64,
}

impl Scan {
    /// `None` where the kernel has no such search; `own` is the page table of the caller.
    pub(crate) fn of_this_kernel(own: &Pagemap, page: u64) -> Option<Self> {
        let mut scan = Self { regions: vec![Region::default(); REGIONS], end: 0 };
        // The kernel refuses addresses that the machine does not have; nothing is mapped in the last page.
        let ends = [56, 52, 48, 47, 42, 39].map(|bits| (1_u64 << bits) - page);
        scan.end = ends.into_iter().find(|end| scan.once(own, end - page..*end).is_ok())?;
        Some(scan)
    }

    /// Where the addresses of a process end.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Hands over, in order, each range of anonymous pages. `ETIME`: there was more than time. See
    /// [`Entry::is_anonymous`].
    ///
    /// [`Entry::is_anonymous`]: crate::pagemap::Entry::is_anonymous
    pub(crate) fn each_anonymous(
        &mut self,
        pagemap: &Pagemap,
        addresses: Range<u64>,
        mut found: impl FnMut(Range<u64>),
    ) -> Result<(), Errno> {
        let mut start = addresses.start;
        while start < addresses.end {
            pagemap.has_time()?;
            let (count, end) = match self.once(pagemap, start..addresses.end) {
                Err(Errno::EINTR) => continue,
                result => result?,
            };
            self.regions[..count].iter().for_each(|region| found(region.start..region.end));
            start = end.max(start + 1);
        }
        Ok(())
    }

    /// One search: how many regions, and where it has ended.
    fn once(&mut self, pagemap: &Pagemap, addresses: Range<u64>) -> Result<(usize, u64), Errno> {
        let mut argument = Argument {
            size: size_of::<Argument>() as u64,
            start: addresses.start,
            end: addresses.end,
            vec: self.regions.as_mut_ptr() as u64,
            vec_len: self.regions.len() as u64,
            category_inverted: FILE,
            category_mask: FILE,
            category_anyof_mask: PRESENT | SWAPPED,
            // The same for all, so that neighbours are told as one region.
            return_mask: FILE,
            ..Argument::default()
        };
        // SAFETY: needed because the kernel's search has no safe wrapper. The argument is laid out as the kernel has it and
        // says its size; the kernel writes to it, and to no more than `vec_len` regions at `vec`, which are this value's
        // own, borrowed mutably until the call is over, and valid whatever numbers are in them.
        let count = unsafe { pagemap_scan(pagemap.as_fd().as_raw_fd(), &raw mut argument) }?;
        let count = usize::try_from(count).map_err(|_| Errno::EOVERFLOW)?.min(self.regions.len());
        Ok((count, argument.walk_end))
    }
}
