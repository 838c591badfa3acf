//! Memory: much of it, in odd pieces, and the interpreter's own taken away below it.

use super::Effect::{Fragile, Hungry, Slow, Wild};
use super::{Chance, Operation, nothing, operation};

/// A range of the interpreter's memory, in pages around a known object.
fn range(chance: &mut Chance) -> String {
    format!("{}, {}", chance.between(0, 256), chance.of(&["1", "4", "64", "256"]))
}

pub(super) const OPERATIONS: &[Operation] = &[
    operation("grow", &[Hungry, Slow], |chance| chance.between(1, 48).to_string()),
    operation("grow_children", &[Hungry, Slow], |chance| {
        format!("{}, {}", chance.between(1, 3), chance.between(1, 24))
    }),
    operation("many_mappings", &[], |chance| chance.between(1, 6000).to_string()),
    operation("advise", &[], |chance| {
        let advice =
            chance.of(&["0", "3", "4", "8", "9", "10", "12", "14", "15", "16", "18", "20", "21", "25"]);
        format!("{advice}, {}", chance.between(1, 16))
    }),
    operation("unmap_own", &[Wild], range),
    operation("protect_own", &[Wild], |chance| format!("{}, {}", range(chance), chance.of(&["0", "1", "7"]))),
    operation("drop_own", &[Wild], range),
    operation("lock_memory", &[Fragile], |chance| chance.between(1, 7).to_string()),
    operation("overflow_stack", &[Slow], nothing),
    operation("fork_and_touch", &[], nothing),
];
