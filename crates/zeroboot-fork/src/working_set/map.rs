//! Page tables that a fork hands on.

use std::ffi::c_void;

use super::WorkingSet;

impl WorkingSet {
    /// Maps, in this process, what the child has [read](Self::read) of files, so that each fork hands these entries of
    /// the page table on and the child needs no fault for them.
    ///
    /// A fork does so for a mapping in which something was written; so it is with most of what was
    /// [frozen](mod@crate::freeze). For the others nothing changes. See `MADV_POPULATE_READ` in `madvise(2)`.
    ///
    /// It costs time and nothing else where it is of no use; so a range that cannot be mapped, and a kernel before 5.14,
    /// are passed over.
    ///
    /// # After fork
    /// Inherited.
    pub fn map_for_forks(&self) {
        for range in &self.read {
            let (Ok(start), Ok(length)) =
                (usize::try_from(range.start), usize::try_from(range.end - range.start))
            else {
                continue;
            };
            // SAFETY: needed since `nix` wants a pointer that is sure to be valid. The kernel reads pages into the page
            // table, as an access would, and changes no content; where nothing is mapped it answers with an error.
            unsafe {
                libc::madvise(
                    std::ptr::without_provenance_mut::<c_void>(start),
                    length,
                    libc::MADV_POPULATE_READ,
                )
            };
        }
    }
}
