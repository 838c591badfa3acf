//! Fresh heap in a sandbox: the time and the faults of 100 MB (25,600 pages), in small pages and in huge ones.
//!
//! Never here: statistics. Each call is one sandbox, so that callers can let the two take turns.

use std::error::Error;
use std::time::Duration;

use zeroboot::Template;

/// Allocates 100 MB, writes to each page, and says how many nanoseconds that took.
const ALLOCATE: &str = "
import time
begun = time.perf_counter_ns()
area = bytearray(100 << 20)
area[::4096] = bytes(25600)
print(time.perf_counter_ns() - begun)
";

/// What 100 MB of fresh heap have cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allocated {
    /// From the call to the last page written, as the sandbox has it.
    pub time: Duration,
    /// All faults of the sandbox.
    pub faults: u64,
}

/// Templates whose sandboxes allocate: for `heap_plain` and `heap`.
#[derive(Debug)]
pub struct Heaps {
    plain: Template,
    huge: Template,
}

impl Heaps {
    /// Builds both, without site.
    ///
    /// # Errors
    /// When one of them cannot be built.
    pub fn build() -> Result<Self, Box<dyn Error>> {
        let builder = || Template::python().without_site().import("time");
        Ok(Self { plain: builder().build()?, huge: builder().huge_heap().build()? })
    }

    /// `heap_plain` and `heap_plain_faults`: in small pages.
    ///
    /// # Errors
    /// When there is no sandbox, or it did not do what it should.
    pub fn plain(&self) -> Result<Allocated, Box<dyn Error>> {
        allocate(&self.plain)
    }

    /// `heap` and `heap_faults`: in huge pages.
    ///
    /// # Errors
    /// As for [`plain`](Self::plain).
    pub fn huge(&self) -> Result<Allocated, Box<dyn Error>> {
        allocate(&self.huge)
    }
}

fn allocate(template: &Template) -> Result<Allocated, Box<dyn Error>> {
    let outcome = template.run(ALLOCATE)?;
    let time = Duration::from_nanos(outcome.stdout_lossy().trim().parse()?);
    let faults = outcome.account.faults.ok_or("the end of the sandbox was not seen")?;
    Ok(Allocated { time, faults: faults.minor + faults.major })
}
