//! Entries of `/proc/<pid>/pagemap`. See the kernel's `admin-guide/mm/pagemap.rst`.

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
