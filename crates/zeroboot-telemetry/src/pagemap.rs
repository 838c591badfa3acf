//! Entries of `/proc/<pid>/pagemap`: what a page table says of each page. See the kernel's `admin-guide/mm/pagemap.rst`.

use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::uio::pread;
use nix::unistd::{SysconfVar, sysconf};

/// The size of an entry in the file.
const ENTRY: usize = size_of::<Entry>();

/// How many entries are read at once. The kernel walks 512 between two breaths.
const ENTRIES: usize = 4096;

/// The size of a page, in bytes.
pub(crate) fn page_size() -> u64 {
    setting(SysconfVar::PAGE_SIZE, 4096)
}

/// A number of the system's that is always known; a number must stand here all the same.
pub(crate) fn setting(name: SysconfVar, otherwise: u64) -> u64 {
    let value = sysconf(name).ok().flatten().and_then(|value| u64::try_from(value).ok());
    value.filter(|value| *value > 0).unwrap_or(otherwise)
}

/// What is known of one page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Entry(u64);

impl Entry {
    /// Memory that is no file's and belongs to no shared mapping, in memory or in swap: the page of zeroes too.
    pub(crate) fn is_anonymous(self) -> bool {
        (self.has(63) || self.has(62)) && !self.has(61)
    }

    /// Memory that is no file's, in memory, which nobody else maps. Not the page of zeroes.
    pub(crate) fn is_own(self) -> bool {
        self.has(63) && !self.has(61) && self.has(56)
    }

    fn has(self, bit: u32) -> bool {
        self.0 >> bit & 1 == 1
    }
}

/// The page table of one process, open for reading.
#[derive(Debug)]
pub(crate) struct Pagemap {
    file: OwnedFd,
    until: Option<Instant>,
}

impl Pagemap {
    pub(crate) const fn new(file: OwnedFd) -> Self {
        Self { file, until: None }
    }

    /// One that is not read beyond this time: the process decides how much there is to read, and can hold up each reading.
    pub(crate) const fn until(file: OwnedFd, time: Instant) -> Self {
        Self { file, until: Some(time) }
    }

    /// `ETIME` when its time is over.
    pub(crate) fn has_time(&self) -> Result<(), Errno> {
        match self.until {
            Some(until) if Instant::now() > until => Err(Errno::ETIME),
            _ => Ok(()),
        }
    }

    /// Hands over each page of these addresses with its own. `bytes` is only a place to read to. `ESRCH`: there is no
    /// memory any more; `ETIME`: there was more than time.
    pub(crate) fn each(
        &self,
        addresses: Range<u64>,
        page: u64,
        bytes: &mut Vec<u8>,
        mut found: impl FnMut(u64, Entry),
    ) -> Result<(), Errno> {
        bytes.resize(ENTRIES * ENTRY, 0);
        let mut address = addresses.start;
        while address < addresses.end {
            self.has_time()?;
            let left = usize::try_from((addresses.end - address) / page).unwrap_or(ENTRIES);
            let wanted = left.clamp(1, ENTRIES) * ENTRY;
            let place = i64::try_from(address / page * ENTRY as u64).map_err(|_| Errno::EOVERFLOW)?;
            let length = match pread(&self.file, &mut bytes[..wanted], place) {
                Err(Errno::EINTR) => continue,
                // Nothing is left of the process, or nothing of what a user may map.
                Ok(length) if length < ENTRY => return Err(Errno::ESRCH),
                length => length?,
            };
            let (entries, _) = bytes[..length].as_chunks::<ENTRY>();
            for entry in entries {
                found(address, Entry(u64::from_ne_bytes(*entry)));
                address += page;
            }
        }
        Ok(())
    }
}

impl AsFd for Pagemap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
