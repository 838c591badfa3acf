//! Lists that live in memory of their own, which is never frozen.
//!
//! What is being moved must not change meanwhile, and a heap changes with each allocation. These lists are allocated
//! before, have a fixed capacity, and are shared mappings, which a freeze leaves alone.

use std::ops::{Deref, DerefMut};
use std::ptr::{self, NonNull};

use nix::errno::Errno;

/// A list of plain values.
pub(super) struct List<T> {
    start: NonNull<T>,
    length: usize,
    capacity: usize,
}

impl<T: Copy> List<T> {
    /// Room for this many: one mapping, of which only what is used takes memory.
    pub(super) fn with_capacity(capacity: usize) -> Result<Self, Errno> {
        let bytes = size_of::<T>().max(1).checked_mul(capacity.max(1)).ok_or(Errno::ENOMEM)?;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // Shared, so that it neither merges with the mappings that are moved nor is moved itself.
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: needed since the memory must not be the heap's. A fresh mapping, wherever the kernel likes.
        let start = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        let start = NonNull::new(start.cast()).ok_or(Errno::ENOMEM)?;
        Ok(Self { start, length: 0, capacity })
    }

    /// Adds one at the end.
    pub(super) fn push(&mut self, value: T) -> Result<(), Errno> {
        if self.length == self.capacity {
            return Err(Errno::ENOBUFS);
        }
        // SAFETY: needed since this is no Vec. Within the mapping, which has room for `capacity` values.
        unsafe { self.start.add(self.length).write(value) };
        self.length += 1;
        Ok(())
    }
}

impl<T: Copy> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: needed since this is no Vec. So many values have been written, and a page boundary is aligned for
        // any.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl<T: Copy> DerefMut for List<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above; the list is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

impl<T> Drop for List<T> {
    fn drop(&mut self) {
        let bytes = size_of::<T>().max(1) * self.capacity.max(1);
        // SAFETY: needed to give the memory back. Made by `with_capacity` with this length; nobody borrows it any
        // longer.
        unsafe { libc::munmap(self.start.as_ptr().cast(), bytes) };
    }
}

impl List<u8> {
    /// Room for bytes that the kernel fills: all zero.
    pub(super) fn zeroed(length: usize) -> Result<Self, Errno> {
        let mut list = Self::with_capacity(length)?;
        // Fresh memory is zero, and any byte is a value.
        list.length = length;
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_what_was_asked_for() {
        let mut list = List::with_capacity(2).expect("memory");
        assert_eq!(list.push(7_u64), Ok(()));
        assert_eq!(list.push(8), Ok(()));
        assert_eq!(list.push(9), Err(Errno::ENOBUFS));
        list[0] = 5;
        assert_eq!(*list, [5, 8]);
        assert!(List::zeroed(10_000).expect("memory").iter().all(|byte| *byte == 0));
    }
}
