//! Learning: what a child has written, from its page table.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;

use nix::unistd::{SysconfVar, sysconf};

use super::{WorkingSet, clip, extend};
use crate::maps::Mapping;
use crate::pagemap::{Page, Window};

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
        Window::new(self.page).each(&self.pagemap, mapping.addresses.clone(), |address, page| {
            if page.is_present() && page.is_of_file() {
                extend(&mut set.read, address, self.page);
            } else if mapping.is_writable && page.is_present() && page.is_mapped_once() {
                extend(&mut set.written, address, self.page);
            }
        })
    }
}

/// Those blocks of which this process has so many pages of content in private memory: of its own, and of files.
pub(super) fn with_content(
    mut blocks: Vec<Range<u64>>,
    enough: u64,
    page: u64,
) -> Result<Vec<Range<u64>>, LearnError> {
    let text = std::fs::read_to_string("/proc/self/maps").map_err(LearnError::Maps)?;
    let private = |mapping: &Mapping| mapping.is_writable && !mapping.is_shared;
    let mappings: Vec<_> = text.lines().filter_map(Mapping::parse).filter(private).collect();
    let pagemap = File::open("/proc/self/pagemap").map_err(LearnError::PageTable)?;
    let mut window = Window::new(page);
    let mut unreadable = None;
    blocks.retain(|block| {
        let mut pages = 0;
        for mapping in &mappings {
            for part in clip(std::slice::from_ref(block), &mapping.addresses) {
                let count = |_, found: Page| {
                    pages += u64::from(mapping.has_file() || found.is_present() || found.is_swapped());
                };
                unreadable = window.each(&pagemap, part, count).err().or(unreadable.take());
            }
        }
        pages >= enough
    });
    unreadable.map_or(Ok(blocks), |error| Err(LearnError::PageTable(error)))
}
