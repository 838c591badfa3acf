//! Huge pages in the place of small ones: memory is copied into a fresh area, and the area takes its place.
//!
//! System calls and one copy: it may be done in a child. Never here: which memory, and who may write to it meanwhile.

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::os::unix::fs::FileExt;
use std::ptr;

use nix::errno::Errno;

use crate::maps::Mapping;

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

    /// Fills it from the memory of this process, by way of `/proc/self/mem`: what cannot be read is an error, and no signal.
    pub(crate) fn read_from(&self, memory: &File, start: u64) -> io::Result<()> {
        // SAFETY: its own memory, which nobody else knows yet, and any bytes are bytes.
        let bytes = unsafe { std::slice::from_raw_parts_mut(self.start.cast::<u8>(), self.length) };
        memory.read_exact_at(bytes, start)
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

    /// Takes the place of what is mapped there, in one step for everybody. The kernel unmaps that first: where it then fails,
    /// for want of memory of its own, there is nothing in the place any more.
    ///
    /// # Safety
    /// So much is mapped there, with the area's content; what writes there may write to the area instead.
    pub(crate) unsafe fn put(self, place: *mut c_void) -> Result<(), Errno> {
        // It is not where it was any more; and after a failure nobody goes on.
        let area = ManuallyDrop::new(self);
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        // SAFETY: needed since it is what this is for; the caller's promise.
        let placed = unsafe { libc::mremap(area.start, area.length, area.length, flags, place) };
        if placed == libc::MAP_FAILED { Err(Errno::last()) } else { Ok(()) }
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and nobody else's. It can only fail where it is not mapped.
        unsafe { libc::munmap(self.start, self.length) };
    }
}

/// Whether the kernel gives this process huge pages when it is asked to.
pub(crate) fn are_to_be_had() -> io::Result<bool> {
    let area = Area::new(HUGE)?;
    // What is told apart from its neighbours is a mapping of its own.
    // SAFETY: its own memory; the advice changes no content.
    Errno::result(unsafe { libc::madvise(area.start, HUGE, libc::MADV_DONTFORK) })?;
    // SAFETY: a byte of its own memory.
    unsafe { area.start.cast::<u8>().write_volatile(1) };
    is_huge(area.address())
}

/// Whether the mapping that has this address has a huge page. See `AnonHugePages` in `proc_pid_smaps(5)`.
pub(crate) fn is_huge(address: u64) -> io::Result<bool> {
    let text = std::fs::read_to_string("/proc/self/smaps")?;
    let mut lines = text
        .lines()
        .skip_while(|line| !Mapping::parse(line).is_some_and(|mapping| mapping.addresses.contains(&address)));
    let kib = lines.find_map(|line| line.strip_prefix("AnonHugePages:")).map(str::trim);
    Ok(kib
        .and_then(|kib| kib.strip_suffix(" kB")?.parse().ok())
        .is_some_and(|kib: u64| kib << 10 >= HUGE as u64))
}
