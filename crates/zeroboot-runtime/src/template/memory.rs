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
