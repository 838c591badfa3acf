//! Where the interpreter of a sandbox puts its small objects: close together, whatever their size.
//!
//! The interpreter's own allocator keeps blocks of each size in pages of their own, and frees each block where it was made.
//! So a script that needs a few KiB writes to some fifty pages of the template, each of which is copied. Here blocks of all sizes lie
//! one after the other in memory that nobody has used before, and the last one that was freed is the first to be used again:
//! a dozen pages. What does not fit any more, or is large, is left to the allocator below, as it was.
//!
//! The memory belongs to the thread that has opened it, so that there is no lock, and none is needed: interpreters with locks of
//! their own, and the raw domain, which is not asked here, may allocate at any time. What another thread frees is
//! not used again, and what it allocates comes from below.
//!
//! The interface is <https://docs.python.org/3/c-api/memory.html#customize-memory-allocators>. Never here: large blocks, and giving
//! memory back to the kernel.

use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::{copy_nonoverlapping, null_mut, write_bytes};

use super::api::{Allocator, Api};

/// How much of a sandbox's small objects may lie here, in bytes: more than most scripts need, and little for the rest.
const AREA: usize = 1 << 20;

/// What each block's address and size are a multiple of, as the interpreter expects of its objects.
const GRAIN: usize = 16;

/// The largest block: what the interpreter calls small, too. Larger ones it leaves to `malloc`.
const LARGEST: usize = 512;

const SIZES: usize = LARGEST / GRAIN;

const fn size_number(bytes: usize) -> usize {
    bytes.saturating_sub(1) / GRAIN
}

const fn size_of_number(number: usize) -> usize {
    (number + 1) * GRAIN
}

/// A domain of the interpreter's, and what serves it where the nursery does not.
struct Domain {
    nursery: &'static Nursery,
    below: Allocator,
}

struct Nursery {
    owner: libc::pthread_t,
    start: *mut u8,
    /// The number of each block's size, at the index of its first grain.
    sizes: *mut u8,
    /// Of the owner alone.
    blocks: UnsafeCell<Blocks>,
}

struct Blocks {
    /// How much of the area has ever been used.
    used: usize,
    /// Of each size the last block that was freed. It begins with the address of the one before.
    free: [*mut c_void; SIZES],
}

/// Opens a nursery of the calling thread, for the objects and the memory of the interpreter in this process, once. Whether there is
/// one: not where memory has ended, or where somebody else has put an allocator above the interpreter's own (`tracemalloc`, a
/// profiler). Such a one takes itself away some day, and with it what was put above.
///
/// # Safety
/// The interpreter's lock is held, and this process has one interpreter and one thread.
pub(super) unsafe fn open(api: &Api) -> bool {
    let below = DOMAINS.map(|domain| {
        let mut below = MaybeUninit::uninit();
        // SAFETY: valid for writing, and a domain that there is: the call fills all of it.
        unsafe {
            (api.allocator)(domain, below.as_mut_ptr());
            below.assume_init()
        }
    });
    // The interpreter's own need no context, all others do.
    if below.iter().any(|allocator: &Allocator| !allocator.context.is_null()) {
        return false;
    }
    let Some(nursery) = Nursery::new() else { return false };
    for (domain, below) in DOMAINS.into_iter().zip(below) {
        let context = Box::into_raw(Box::new(Domain { nursery, below }));
        let mut above = Allocator { context: context.cast(), allocate, allocate_zeroed, resize, free };
        // SAFETY: needed since there is no other way to serve these domains. The interpreter's documentation wants an allocator that
        // is installed late to go on with the blocks of the one before: what was allocated there is known by its address, and
        // goes there. Nobody takes this one away again: whoever is put above it later calls it, and gives way to it.
        unsafe { (api.set_allocator)(domain, &raw mut above) };
    }
    true
}

const DOMAINS: [c_int; 2] = [Allocator::MEMORY, Allocator::OBJECTS];

impl Nursery {
    /// One of the calling thread, for as long as the process is there.
    fn new() -> Option<&'static Self> {
        let length = AREA + AREA / GRAIN;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: needed since memory is to be had that no allocator knows. The kernel chooses where, so nothing is replaced.
        let area = unsafe {
            libc::mmap(null_mut(), length, protection, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)
        };
        if area == libc::MAP_FAILED {
            return None;
        }
        Some(Box::leak(Box::new(Self {
            // SAFETY: no precondition.
            owner: unsafe { libc::pthread_self() },
            start: area.cast(),
            // SAFETY: inside the area, which is longer.
            sizes: unsafe { area.cast::<u8>().add(AREA) },
            blocks: UnsafeCell::new(Blocks { used: 0, free: [null_mut(); SIZES] }),
        })))
    }

    fn is_owned(&self) -> bool {
        // SAFETY: no precondition.
        self.owner == unsafe { libc::pthread_self() }
    }

    /// Where in the area this is, if it is there.
    fn offset(&self, block: *mut c_void) -> Option<usize> {
        let offset = block.addr().wrapping_sub(self.start.addr());
        (offset < AREA).then_some(offset)
    }

    /// The number of the size of the block that begins there.
    ///
    /// # Safety
    /// A block that [`allocate`](Self::allocate) has returned begins there.
    unsafe fn size_at(&self, offset: usize) -> usize {
        // SAFETY: one for each grain of the area; it was written before the block was returned, and is never written again.
        usize::from(unsafe { *self.sizes.add(offset / GRAIN) })
    }

    /// A block of so many bytes, or null where there is none for the caller.
    fn allocate(&self, bytes: usize) -> *mut c_void {
        if bytes > LARGEST || !self.is_owned() {
            return null_mut();
        }
        let number = size_number(bytes);
        // SAFETY: only the owner comes here, which is one thread, and nothing below calls back.
        let blocks = unsafe { &mut *self.blocks.get() };
        let last = blocks.free[number];
        if !last.is_null() {
            // SAFETY: a free block is as long as an address at least, and begins with one.
            blocks.free[number] = unsafe { *last.cast::<*mut c_void>() };
            return last;
        }
        let (offset, size) = (blocks.used, size_of_number(number));
        if size > AREA - offset {
            return null_mut();
        }
        blocks.used += size;
        // SAFETY: inside the area and its sizes, which were just looked at; there are fewer sizes than a byte has values.
        unsafe {
            *self.sizes.add(offset / GRAIN) = number.to_le_bytes()[0];
            self.start.add(offset).cast()
        }
    }

    /// # Safety
    /// The block begins there, and nobody uses it any more.
    unsafe fn free(&self, block: *mut c_void, offset: usize) {
        if !self.is_owned() {
            return;
        }
        // SAFETY: only the owner comes here, which is one thread; the block is as long as an address at least, and the caller's.
        unsafe {
            let free = &mut (&mut *self.blocks.get()).free[self.size_at(offset)];
            *block.cast::<*mut c_void>() = *free;
            *free = block;
        }
    }
}

/// # Safety
/// `context` is the one that [`open`] has made, which lives for ever.
unsafe fn domain(context: *mut c_void) -> &'static Domain {
    // SAFETY: the caller's promise; nobody writes to it.
    unsafe { &*context.cast::<Domain>() }
}

unsafe extern "C" fn allocate(context: *mut c_void, bytes: usize) -> *mut c_void {
    // SAFETY: the interpreter calls these functions with the context that they were installed with, here and below.
    let domain = unsafe { domain(context) };
    let block = domain.nursery.allocate(bytes);
    // SAFETY: what serves this domain serves any length.
    if block.is_null() { unsafe { (domain.below.allocate)(domain.below.context, bytes) } } else { block }
}

unsafe extern "C" fn allocate_zeroed(context: *mut c_void, count: usize, size: usize) -> *mut c_void {
    // SAFETY: as above.
    let domain = unsafe { domain(context) };
    // What is too much for a number is too much for the nursery.
    let bytes = count.saturating_mul(size);
    let block = domain.nursery.allocate(bytes);
    if block.is_null() {
        // SAFETY: the same.
        return unsafe { (domain.below.allocate_zeroed)(domain.below.context, count, size) };
    }
    // SAFETY: a block of so many bytes.
    unsafe { write_bytes(block.cast::<u8>(), 0, bytes) };
    block
}

unsafe extern "C" fn resize(context: *mut c_void, block: *mut c_void, bytes: usize) -> *mut c_void {
    // SAFETY: as above.
    let domain = unsafe { domain(context) };
    if block.is_null() {
        // SAFETY: as above.
        return unsafe { allocate(context, bytes) };
    }
    let Some(offset) = domain.nursery.offset(block) else {
        // SAFETY: the interpreter gives only blocks that it was given, and this one comes from below.
        return unsafe { (domain.below.resize)(domain.below.context, block, bytes) };
    };
    // SAFETY: the same, and this one comes from here.
    let number = unsafe { domain.nursery.size_at(offset) };
    if bytes <= LARGEST && size_number(bytes) == number {
        return block;
    }
    // SAFETY: as above. Both blocks are as long as what is copied, and they are two; the old one is not used after it.
    unsafe {
        let new = allocate(context, bytes);
        if !new.is_null() {
            copy_nonoverlapping(block.cast::<u8>(), new.cast::<u8>(), bytes.min(size_of_number(number)));
            domain.nursery.free(block, offset);
        }
        new
    }
}

unsafe extern "C" fn free(context: *mut c_void, block: *mut c_void) {
    // SAFETY: as above.
    let domain = unsafe { domain(context) };
    match domain.nursery.offset(block) {
        // SAFETY: the interpreter frees what it was given, once: from here, or from below.
        Some(offset) => unsafe { domain.nursery.free(block, offset) },
        // SAFETY: the same.
        None => unsafe { (domain.below.free)(domain.below.context, block) },
    }
}
