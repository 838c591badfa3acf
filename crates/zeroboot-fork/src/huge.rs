//! Huge pages in the place of small ones: memory is copied into a fresh area, and the area takes its place.
//!
//! System calls and one copy: it may be done in a child. Never here: which memory, and who may write to it meanwhile.

use std::ffi::c_void;
use std::ptr;

use nix::errno::Errno;

/// The size of a huge page. Where an architecture has another, nothing of this size is found to be huge.
pub(crate) const HUGE: usize = 2 << 20;

/// Fresh memory that begins at a boundary of huge pages, and gets such where the kernel has some.
pub(crate) struct Area {
    start: *mut c_void,
    length: usize,
}

impl Area {
    /// `length` is a multiple of [`HUGE`].
    pub(crate) fn new(length: usize) -> Result<Self, Errno> {
        let with_margin = length.checked_add(HUGE).ok_or(Errno::ENOMEM)?;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: needed since no allocator promises such pages. A fresh mapping, wherever the kernel likes.
        let start = unsafe { libc::mmap(ptr::null_mut(), with_margin, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        let before = start.cast::<u8>().align_offset(HUGE);
        // SAFETY: within the fresh mapping, which is longer by a huge page; what lies around the part that is kept goes back.
        let area = unsafe {
            let area = start.cast::<u8>().add(before);
            if before > 0 {
                libc::munmap(start, before);
            }
            libc::munmap(area.add(length).cast(), HUGE - before);
            Self { start: area.cast(), length }
        };
        // SAFETY: its own memory; the advice changes no content.
        match Errno::result(unsafe { libc::madvise(area.start, length, libc::MADV_HUGEPAGE) }) {
            // A kernel without huge pages gives small ones.
            Ok(_) | Err(Errno::EINVAL) => Ok(area),
            Err(errno) => Err(errno),
        }
    }

    pub(crate) fn address(&self) -> u64 {
        self.start as u64
    }

    /// Copies as much as there is room for.
    ///
    /// # Safety
    /// So much memory may be read from there on, and nobody writes to it meanwhile.
    pub(crate) unsafe fn copy_from(&self, source: *const c_void) {
        // SAFETY: the caller's promise; the area has this length, and is fresh, so that the two are apart.
        unsafe { ptr::copy_nonoverlapping(source.cast::<u8>(), self.start.cast::<u8>(), self.length) };
    }

    /// Gives it another protection.
    pub(crate) fn protect(&self, protection: libc::c_int) -> Result<(), Errno> {
        // SAFETY: its own memory, which nobody else knows yet.
        Errno::result(unsafe { libc::mprotect(self.start, self.length, protection) }).map(drop)
    }

    /// Takes the place of what is mapped there, in one step for everybody.
    ///
    /// # Safety
    /// So much is mapped there, with the area's content; what writes there may write to the area instead.
    pub(crate) unsafe fn put(self, place: *mut c_void) -> Result<(), Errno> {
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        // SAFETY: needed since it is what this is for; the caller's promise.
        let placed = unsafe { libc::mremap(self.start, self.length, self.length, flags, place) };
        if placed == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        // It is not where it was any more.
        std::mem::forget(self);
        Ok(())
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and nobody else's. It can only fail where it is not mapped.
        unsafe { libc::munmap(self.start, self.length) };
    }
}
