//! Sockets, pipes, descriptors, and what is on its way between them.

use super::Effect::Fragile;
use super::{Operation, nothing, operation};

pub(super) const OPERATIONS: &[Operation] = &[
    operation("in_flight", &[], |chance| {
        let kind = chance.of(&["memory", "pipe", "pair", "channel", "stdin", "process"]);
        format!("'{kind}', {}, {}", chance.between(1, 200), chance.between(1, 10))
    }),
    operation("cycles", &[], |chance| chance.between(1, 30).to_string()),
    operation("watch_one_another", &[], |chance| chance.between(2, 12).to_string()),
    operation("watch_streams", &[], nothing),
    operation("many_descriptors", &[Fragile], |chance| chance.between(1, 1100).to_string()),
    operation("many_pipes", &[Fragile], |chance| {
        format!("{}, {}", chance.between(1, 200), chance.of(&["4096", "65536", "1 << 20"]))
    }),
    operation("close_from", &[], |_| "4".to_owned()),
    operation("connections", &[], |chance| chance.between(1, 8).to_string()),
    operation("datagrams", &[], |chance| chance.between(1, 200).to_string()),
];
