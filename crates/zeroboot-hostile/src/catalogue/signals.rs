//! Signals and timers.

use super::Effect::{Fragile, Slow};
use super::{Operation, nothing, operation};

pub(super) const OPERATIONS: &[Operation] = &[
    operation("queue_signals", &[], |chance| {
        format!("{}, {}", chance.of(&["34", "40", "64", "10"]), chance.between(1, 3000))
    }),
    operation("block_signals", &[], nothing),
    operation("ignore_signals", &[], nothing),
    operation("interval", &[Fragile, Slow], |chance| {
        format!("{}, {}", chance.between(0, 2), chance.of(&["100", "1000", "20000"]))
    }),
    operation("raise_again", &[], |chance| {
        format!("{}, {}", chance.of(&["10", "12", "15", "34"]), chance.between(1, 300))
    }),
    operation("many_timers", &[], |chance| chance.between(1, 2000).to_string()),
];
