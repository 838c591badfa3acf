//! A template's memory before it is forked: what sandboxes rewrite is made ready to be copied, the rest is frozen,
//! and heap is set apart where that was asked for. A failure leaves a template that works, unless it says that it does not.

use std::cmp::Reverse;
use std::ops::Range;

use zeroboot_fork::freeze::{Frozen, Moved, WriteHeavy, WriteHeavyError, freeze_apart_from};
use zeroboot_fork::reserve_huge_heap;

use crate::protocol::{FrozenMemory, FrozenPlace, HeavyMemory, HugeHeap};
use crate::words;

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

/// Moves the template's memory into a file, but for what sandboxes rewrite.
pub(super) fn freeze(heavy: &WriteHeavy) -> FrozenMemory {
    match freeze_apart_from(heavy) {
        Ok(Frozen { bytes, mappings_before, mappings_after, moved, .. }) => {
            FrozenMemory::Frozen { bytes, mappings_before, mappings_after, places: largest(moved) }
        }
        Err(error) => FrozenMemory::Not(words::of(&error)),
    }
}

/// As many as can be told, by address.
fn largest(mut moved: Vec<Moved>) -> Vec<FrozenPlace> {
    moved.sort_by_key(|place| Reverse(place.end - place.start));
    let mut left = FrozenPlace::ROOM;
    let place = |Moved { start, end, name }| FrozenPlace { start, end, name };
    let fits = |place: &FrozenPlace| {
        // Numbers and a text: there is nothing in them that JSON cannot hold.
        let length = serde_json::to_string(place).unwrap_or_default().len() + 1;
        left.checked_sub(length).map(|rest| left = rest).is_some()
    };
    let mut places: Vec<_> = moved.into_iter().map(place).take_while(fits).collect();
    places.sort_by_key(|place| place.start);
    places
}

/// Sets so much heap apart for huge pages.
pub(super) fn set_heap_apart(bytes: Option<usize>) -> HugeHeap {
    match bytes.map_or(Ok(()), reserve_huge_heap) {
        Ok(()) => HugeHeap::SetApart(bytes.unwrap_or(0)),
        Err(error) => HugeHeap::Not(words::of(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{CopiedPages, FromTemplate, HugeCode, PreparedMemory, TEXT_LIMIT};

    /// Names that JSON makes six times as long.
    #[test]
    fn what_is_told_fits_into_a_packet() {
        let place = |n: u64| Moved { start: n << 20, end: (n << 20) + (n << 12), name: "\u{1}".repeat(48) };
        let places = largest((1..600).map(place).collect());
        assert!(places.len() > 4 && places.is_sorted_by_key(|place| place.start));
        assert_eq!(places.last().map(|place| place.start), Some(599 << 20), "the largest");
        let cause = || Some("x".repeat(300));
        let memory = PreparedMemory {
            copied: CopiedPages::None("x".repeat(300)),
            code: HugeCode::Not("x".repeat(300)),
            frozen: FrozenMemory::Frozen { bytes: 1, mappings_before: 1, mappings_after: 1, places },
            heavy: HeavyMemory { bytes: 0, trouble: cause() },
            heap: HugeHeap::Not("x".repeat(300)),
        };
        let packet = FromTemplate::Serving(memory.clone()).encode();
        assert!(packet.len() < TEXT_LIMIT);
        assert_eq!(FromTemplate::decode(&packet), Some(FromTemplate::Serving(memory)));
    }
}
