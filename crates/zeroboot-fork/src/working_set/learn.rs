//! Learning: what a child has written, from its page table.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;

use nix::unistd::{SysconfVar, sysconf};

use super::{WorkingSet, extend};
use crate::maps::Mapping;
use crate::pagemap::Window;

/// Why there is no working set.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// Opening or reading the child's mappings.
    #[error("cannot read the mappings of the child")]
    Maps(#[source] io::Error),
    /// Opening or reading the child's page table.
    #[error("cannot read the page table of the child")]
    PageTable(#[source] io::Error),
    /// The size of a page.
    #[error("the size of a page is unknown")]
    PageSize,
}

/// A hold on the memory of a child. It stays readable when the child changes its user id or becomes non-dumpable.
#[derive(Debug)]
pub struct Observer {
    maps: File,
    pagemap: File,
    page: u64,
}

impl Observer {
    /// Opens the memory of a child, before it has written what it is to write.
    ///
    /// # Errors
    /// [`LearnError`]; the caller needs the same rights as for `PTRACE_MODE_READ`, see `ptrace(2)`.
    pub fn of(pid: u32) -> Result<Self, LearnError> {
        let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
        Ok(Self {
            maps: File::open(format!("/proc/{pid}/maps")).map_err(LearnError::Maps)?,
            pagemap: File::open(format!("/proc/{pid}/pagemap")).map_err(LearnError::PageTable)?,
            page: page.and_then(|page| page.try_into().ok()).ok_or(LearnError::PageSize)?,
        })
    }

    /// What the child has written until now; it should wait meanwhile.
    ///
    /// A page that is no file's and that only the child maps is one that it has written.
    ///
    /// # Errors
    /// [`LearnError`].
    pub fn working_set(&mut self) -> Result<WorkingSet, LearnError> {
        let mut text = String::new();
        self.maps.read_to_string(&mut text).map_err(LearnError::Maps)?;
        let mut set = WorkingSet { page: self.page, ..WorkingSet::default() };
        for mapping in text.lines().filter_map(Mapping::parse) {
            if !mapping.is_shared && (mapping.is_writable || mapping.has_file()) {
                self.walk(&mapping, &mut set).map_err(LearnError::PageTable)?;
            }
        }
        Ok(set)
    }

    fn walk(&self, mapping: &Mapping, set: &mut WorkingSet) -> io::Result<()> {
        let mut window = Window::new(self.page);
        let mut start = mapping.addresses.start;
        while start < mapping.addresses.end {
            let before = start;
            for page in window.read(&self.pagemap, &(start..mapping.addresses.end))? {
                if page.is_present() && page.is_of_file() {
                    extend(&mut set.read, start, self.page);
                } else if mapping.is_writable && page.is_present() && page.is_mapped_once() {
                    extend(&mut set.written, start, self.page);
                }
                start += self.page;
            }
            if start == before {
                // Beyond what user space may map: `[vsyscall]`.
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Where this process has content in private memory that may be written: pages of its own, and files.
pub(super) fn content(page: u64) -> Result<Vec<Range<u64>>, LearnError> {
    let text = std::fs::read_to_string("/proc/self/maps").map_err(LearnError::Maps)?;
    let pagemap = File::open("/proc/self/pagemap").map_err(LearnError::PageTable)?;
    let mut window = Window::new(page);
    let mut content = Vec::new();
    let private = |mapping: &Mapping| mapping.is_writable && !mapping.is_shared;
    for mapping in text.lines().filter_map(Mapping::parse).filter(private) {
        let mut start = mapping.addresses.start;
        while start < mapping.addresses.end {
            let rest = start..mapping.addresses.end;
            let pages = window.read(&pagemap, &rest);
            for found in pages.map_err(LearnError::PageTable)? {
                if found.is_present() || found.is_swapped() || mapping.has_file() {
                    extend(&mut content, start, page);
                }
                start += page;
            }
        }
    }
    Ok(content)
}
