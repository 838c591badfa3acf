//! Page tables that a fork copies, although there is a file to map the pages from again.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use super::{WorkingSet, clip};
use crate::maps::Mapping;

/// Why nothing, or not everything, is mapped in the children of this process.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// The mappings of this process.
    #[error("cannot read the mappings of this process: {0}")]
    Maps(#[source] io::Error),
    /// The memory of this process, by which a mapping that is not writable gets its private page.
    #[error("cannot open the memory of this process: {0}")]
    Memory(#[source] io::Error),
    /// Touching a page.
    #[error("cannot touch the page at {address:#x}: {source}")]
    Touch {
        /// Its address.
        address: u64,
        /// Why.
        source: io::Error,
    },
}

impl WorkingSet {
    /// Has every fork of this process copy the page tables of the files which the child has read; gives the number of
    /// pages that the children find mapped.
    ///
    /// The kernel leaves the page table of a file's mapping to be filled by faults, unless the mapping holds a page of
    /// this process's own. Each gets one here: one of its pages is written with what it holds, through
    /// `/proc/self/mem`, which needs no permission to write. It costs a page a mapping, once.
    ///
    /// # Errors
    /// [`MapError`]; what was done until then stays, and does no harm.
    ///
    /// # After fork
    /// The children inherit it for their own forks.
    pub fn map_at_fork(&self) -> Result<u64, MapError> {
        let text = std::fs::read_to_string("/proc/self/maps").map_err(MapError::Maps)?;
        let memory =
            OpenOptions::new().read(true).write(true).open("/proc/self/mem").map_err(MapError::Memory)?;
        let mut pages = 0;
        for mapping in text.lines().filter_map(Mapping::parse) {
            if mapping.has_file && mapping.is_readable && !mapping.is_shared {
                let ranges: Vec<_> = clip(&self.read, &mapping.addresses).collect();
                keep(&memory, &ranges, self.page)?;
                pages += self.pages(&ranges);
            }
        }
        Ok(pages)
    }
}

/// Maps the pages of one mapping, and makes the first its own.
fn keep(memory: &File, ranges: &[Range<u64>], page: u64) -> Result<(), MapError> {
    let touch = |address| move |source| MapError::Touch { address, source };
    let mut byte = [0; 1];
    for range in ranges {
        for address in range.clone().step_by(usize::try_from(page).unwrap_or(usize::MAX)) {
            memory.read_exact_at(&mut byte, address).map_err(touch(address))?;
        }
    }
    if let Some(Range { start, .. }) = ranges.first() {
        memory.read_exact_at(&mut byte, *start).map_err(touch(*start))?;
        memory.write_all_at(&byte, *start).map_err(touch(*start))?;
    }
    Ok(())
}
