//! A template's memory before it is forked: what sandboxes rewrite is made ready to be copied, the rest is frozen where that is
//! worth it, and heap is set apart where that was asked for. A failure leaves a template that works, unless it says that it does not.

use std::io;
use std::ops::Range;

use zeroboot_fork::freeze::{WriteHeavy, WriteHeavyError, freeze_apart_from};
use zeroboot_fork::reserve_huge_heap;

use crate::protocol::{FrozenMemory, HeavyMemory, HugeHeap};
use crate::words;

/// From which size on a template is frozen, in KiB of anonymous memory. A smaller one starts its sandboxes as fast
/// either way: what the fork spares, faults take back (`docs/performance.md`).
const LARGE_KIB: u64 = 16 << 10;

/// Makes these address ranges ready to be copied by each sandbox.
///
/// # Errors
/// Only where memory is lost, so that the process should end.
pub(super) fn take_write_heavy(
    heavy: &mut WriteHeavy,
    ranges: &[Range<u64>],
) -> Result<HeavyMemory, WriteHeavyError> {
    let trouble = match heavy.add(ranges) {
        Ok(_) => None,
        Err(lost @ WriteHeavyError::Place { .. }) => return Err(lost),
        Err(error) => Some(words::of(&error)),
    };
    Ok(HeavyMemory { bytes: heavy.bytes(), trouble })
}

/// Moves the memory of a large template into a file, but for what sandboxes rewrite.
pub(super) fn freeze_if_large(heavy: &WriteHeavy) -> FrozenMemory {
    match anonymous_kib().map(|kib| kib.saturating_sub(heavy.bytes() >> 10)) {
        Ok(kib) if kib < LARGE_KIB => FrozenMemory::Small,
        Ok(_) => match freeze_apart_from(heavy) {
            Ok(frozen) => FrozenMemory::Frozen {
                bytes: frozen.bytes,
                mappings_before: frozen.mappings_before,
                mappings_after: frozen.mappings_after,
            },
            Err(error) => FrozenMemory::Not(words::of(&error)),
        },
        Err(error) => FrozenMemory::Not(format!("cannot read the size of the template: {error}")),
    }
}

/// Sets so much heap apart for huge pages.
pub(super) fn set_heap_apart(bytes: Option<usize>) -> HugeHeap {
    match bytes.map_or(Ok(()), reserve_huge_heap) {
        Ok(()) => HugeHeap::SetApart(bytes.unwrap_or(0)),
        Err(error) => HugeHeap::Not(words::of(&error)),
    }
}

/// See `RssAnon` in `proc_pid_status(5)`.
fn anonymous_kib() -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.split_ascii_whitespace().next()).and_then(|kib| kib.parse().ok());
    kib.ok_or_else(|| io::Error::other("no line RssAnon"))
}
