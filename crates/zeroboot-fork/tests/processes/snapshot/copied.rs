//! How many bytes were copied while the child lived.

use libtest_mimic::Trial;
use zeroboot_fork::snapshot::Bytes;

use super::Place;
use crate::common::{Verdict, trial};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("snapshot: copied is what the parent has written meanwhile", written),
        trial("snapshot: what the parent has let go of is not copied", let_go),
    ]
}

const PAGE: usize = 4096;
const PAGES: usize = 2048;

/// What both processes write besides: stack, the allocator's and the C library's own data, the test's. In pages.
const BESIDES: u64 = 32;

/// Private memory that has been written.
struct Memory(*mut u8);

impl Memory {
    fn new() -> Self {
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping anywhere.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), PAGES * PAGE, protection, flags, -1, 0) };
        assert_ne!(start, libc::MAP_FAILED);
        let memory = Self(start.cast());
        (0..PAGES).for_each(|page| memory.write(page));
        memory
    }

    fn write(&self, page: usize) {
        assert!(page < PAGES);
        // SAFETY: inside the mapping, which lives as long as the test's process.
        unsafe { self.0.add(page * PAGE).write_volatile(1) };
    }

    fn let_go(&self) {
        // SAFETY: all of the mapping; nothing refers to it.
        let result = unsafe { libc::madvise(self.0.cast(), PAGES * PAGE, libc::MADV_DONTNEED) };
        assert_eq!(result, 0);
    }
}

/// What was copied while the child was held and the parent did this, in pages.
fn pages_copied(meanwhile: impl FnOnce()) -> u64 {
    let place = Place::new();
    let mut snapshot = place.start(|_| place.hold());
    place.await_hold();
    meanwhile();
    place.release();
    let Bytes(copied) = snapshot.wait().expect("saved").copied.expect("a page table");
    assert_eq!(copied % PAGE as u64, 0);
    copied / PAGE as u64
}

fn written() -> Verdict {
    let memory = Memory::new();
    for pages in [0, 1, 100, 1000, PAGES] {
        let copied = pages_copied(|| (0..pages).for_each(|page| memory.write(page)));
        let least = pages as u64;
        assert!((least..=least + BESIDES).contains(&copied), "{copied} pages instead of {pages}");
    }
    // Every third page, twice: it is copied once.
    let some = || (0..PAGES).step_by(3).for_each(|page| memory.write(page));
    let copied = pages_copied(|| [(); 2].iter().for_each(|()| some()));
    let least = PAGES.div_ceil(3) as u64;
    assert!((least..=least + BESIDES).contains(&copied), "{copied} pages instead of {least}");
    Ok(())
}

fn let_go() -> Verdict {
    let memory = Memory::new();
    let copied = pages_copied(|| memory.let_go());
    assert!(copied <= BESIDES, "{copied} pages");
    Ok(())
}
