//! What a sample allocates.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use libtest_mimic::Failed;
use zeroboot_telemetry::Sampler;

use crate::check;
use crate::subject::Subject;

/// The system's allocator, counted.
struct Counted;

static CALLS: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static ALLOCATOR: Counted = Counted;

// SAFETY: every call goes to the system's allocator as it came; the default `realloc` and `alloc_zeroed` are made of these.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller has promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller has promised; it came from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// How often something was allocated in this process.
pub(crate) fn calls() -> u64 {
    CALLS.load(Ordering::Relaxed)
}

pub(crate) fn a_second_sample_allocates_nothing() -> Result<(), Failed> {
    let mut subject = Subject::start()?;
    let baseline = Arc::new(Sampler::new().baseline(subject.pid)?);
    subject.fork("old", 0)?;
    subject.ask("write fresh 0 1000")?;
    for sampler in [Sampler::new(), Sampler::new().without_scan()] {
        let mut sampler = sampler.against(Arc::clone(&baseline));
        sampler.sample(subject.pid)?;
        let before = calls();
        let sample = sampler.sample(subject.pid);
        let total: u64 = sampler.copied_from().map(|(_, amount)| amount.0).sum();
        let calls = calls() - before;
        check("allocations", calls, 0)?;
        check(
            "copied",
            sample?.memory.and_then(|memory| memory.copied_kib).map(|copied| copied.0),
            Some(total),
        )?;
    }
    Ok(())
}
