//! Pages that a fork copies at once.

use std::ffi::c_void;
use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use nix::errno::Errno;

use super::{WorkingSet, clip};
use crate::maps::{self, Mapping};

/// Why the pages are copied one by one, as after any fork.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The mappings of this process.
    #[error("cannot read the mappings of this process")]
    Maps(#[source] io::Error),
    /// No ring.
    #[error("cannot make an io_uring{}", why_no_ring(*errno))]
    Ring {
        /// What the kernel answered.
        #[source]
        errno: Errno,
    },
    /// The pages could not be pinned.
    #[error("cannot pin {pages} pages{}", why_no_pin(*errno))]
    Pin {
        /// How many.
        pages: u64,
        /// What the kernel answered.
        #[source]
        errno: Errno,
    },
}

fn why_no_ring(errno: Errno) -> &'static str {
    match errno {
        Errno::EPERM => " (kernel.io_uring_disabled, or a container's filter)",
        Errno::ENOSYS => " (a kernel without it, or a container's filter)",
        Errno::ENOMEM => LOCKED,
        _ => "",
    }
}

fn why_no_pin(errno: Errno) -> &'static str {
    if errno == Errno::ENOMEM { LOCKED } else { "" }
}

const LOCKED: &str = " (RLIMIT_MEMLOCK: raise it to the size of the working set)";

/// Keeps the pages so that each fork of this process copies them. Dropped, they are shared until written again.
#[derive(Debug)]
pub struct CopiedAtFork {
    ring: OwnedFd,
    pages: u64,
}

impl CopiedAtFork {
    /// How many.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.pages
    }
}

impl Drop for CopiedAtFork {
    /// The kernel takes a ring down some time after it is closed; the pages are to be free now.
    fn drop(&mut self) {
        // Without buffers there is nothing to let go of.
        let _ = register(&self.ring, UNREGISTER_BUFFERS, &[]);
    }
}

impl WorkingSet {
    /// Has every fork of this process copy, at once, the pages that the child has written.
    ///
    /// They are pinned as the buffers of an `io_uring` that does nothing else: user space has no other way to pin a page
    /// for longer than a call. See `io_uring_register_buffers(3)`; they count against `RLIMIT_MEMLOCK` of a process
    /// without `CAP_IPC_LOCK`. A copy of a page costs about half of what a fault and a copy cost, and the parent spares
    /// its own faults on the pages as well.
    ///
    /// A kernel before 6.5 pins no page of a private file mapping: those, a library's data above all, are then left out,
    /// and [`CopiedAtFork::pages`] counts the others.
    ///
    /// Nothing of the child may be left when this is called, or the parent gets copies of what the two still share.
    ///
    /// # Errors
    /// [`CopyError`]; forks then go on as before.
    ///
    /// # After fork
    /// The children inherit copies, and a descriptor that pins nothing of theirs. They may close it, and must forget the
    /// handle: dropped in a child, it lets go of the parent's pages.
    pub fn copy_at_fork(&self) -> Result<CopiedAtFork, CopyError> {
        let mut mappings = maps::of_this_process().map_err(CopyError::Maps)?;
        mappings.retain(|mapping| mapping.is_writable && !mapping.is_shared);
        match self.pin(mappings.iter()) {
            // Before 6.5 the kernel takes no page whose mapping has a file behind it, and with it refuses all others.
            Err(CopyError::Pin { errno: Errno::EOPNOTSUPP, .. }) => {
                self.pin(mappings.iter().filter(|mapping| !mapping.has_file()))
            }
            result => result,
        }
    }

    /// Pins what the child has written of these mappings.
    fn pin<'a>(&self, mappings: impl Iterator<Item = &'a Mapping>) -> Result<CopiedAtFork, CopyError> {
        let ranges: Vec<_> = mappings.flat_map(|mapping| clip(&self.written, &mapping.addresses)).collect();
        let pages = self.pages_of(&ranges);
        let ring = ring().map_err(|errno| CopyError::Ring { errno })?;
        let buffers: Vec<Buffer> = ranges.iter().filter_map(buffer).collect();
        if !buffers.is_empty() {
            register(&ring, REGISTER_BUFFERS, &buffers).map_err(|errno| CopyError::Pin { pages, errno })?;
        }
        Ok(CopiedAtFork { ring, pages })
    }
}

/// `struct io_uring_params`: all zero asks for the plainest ring there is.
#[repr(C)]
struct Parameters([u32; 30]);

/// `struct iovec`, by numbers: nothing is read or written through it by this process.
#[repr(C)]
struct Buffer {
    start: usize,
    length: usize,
}

/// Every address of this process fits its own word.
fn buffer(range: &Range<u64>) -> Option<Buffer> {
    let start = usize::try_from(range.start).ok()?;
    Some(Buffer { start, length: usize::try_from(range.end).ok()? - start })
}

const REGISTER_BUFFERS: libc::c_uint = 0;
const UNREGISTER_BUFFERS: libc::c_uint = 1;

fn ring() -> Result<OwnedFd, Errno> {
    let entries: libc::c_uint = 1;
    let mut parameters = Parameters([0; 30]);
    // SAFETY: needed since libc has no wrapper for this call. The parameters have the kernel's size and live through the
    // call, which reads and writes them.
    let number = unsafe { libc::syscall(libc::SYS_io_uring_setup, entries, &raw mut parameters) };
    let number = RawFd::try_from(Errno::result(number)?).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just made this descriptor, close-on-exec, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

fn register(ring: &OwnedFd, what: libc::c_uint, buffers: &[Buffer]) -> Result<(), Errno> {
    let count = libc::c_uint::try_from(buffers.len()).map_err(|_| Errno::E2BIG)?;
    let first = if buffers.is_empty() { ptr::null() } else { buffers.as_ptr() };
    // SAFETY: needed since libc has no wrapper for this call. The kernel reads `count` of the buffers and takes a
    // reference to the pages that they name; it writes to none of them, since nothing is ever submitted to the ring.
    let result = unsafe {
        libc::syscall(libc::SYS_io_uring_register, ring.as_raw_fd(), what, first.cast::<c_void>(), count)
    };
    Errno::result(result).map(drop)
}
