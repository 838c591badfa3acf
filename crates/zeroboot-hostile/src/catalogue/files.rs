//! Files: the private file systems filled and bent, the shared tree touched, and what `/proc` offers.

use super::Effect::{Fragile, Slow};
use super::{Chance, Operation, nothing, operation};

fn place(chance: &mut Chance) -> &'static str {
    chance.of(&["'/tmp'", "'/dev/shm'", "'/home/sandbox'"])
}

fn in_place(chance: &mut Chance) -> String {
    place(chance).to_owned()
}

fn shown(chance: &mut Chance) -> &'static str {
    chance.of(&["'/etc/passwd'", "'/etc/hosts'", "'/usr/bin/env'", "'/etc'"])
}

pub(super) const OPERATIONS: &[Operation] = &[
    operation("fill_files", &[], |chance| {
        format!("{}, {}, {}", place(chance), chance.between(1, 20), chance.between(1, 1 << 20))
    }),
    operation("many_files", &[], |chance| format!("{}, {}", place(chance), chance.between(1, 500))),
    operation("deep_directories", &[], |chance| format!("{}, {}", place(chance), chance.between(1, 200))),
    operation("odd_modes", &[], in_place),
    operation("odd_names", &[], in_place),
    operation("pipe_file", &[], in_place),
    operation("socket_file", &[], in_place),
    operation("links", &[], in_place),
    operation("lock_tree", &[], |chance| shown(chance).to_owned()),
    operation("lease", &[], |chance| shown(chance).to_owned()),
    operation("remove_all", &[], in_place),
    operation("stand_nowhere", &[], in_place),
    operation("sparse", &[], |chance| format!("{}, {}", place(chance), chance.of(&["1 << 20", "1 << 40"]))),
    operation("cut_below_mapping", &[], in_place),
    operation("rename_round", &[], |chance| format!("{}, {}", place(chance), chance.between(1, 300))),
    operation("attributes", &[], in_place),
    operation("read_all_of_proc", &[Slow], |chance| {
        format!("'{}'", chance.of(&["self", "1", "self/net", "self/task/2", "sys/kernel"]))
    }),
    operation("write_all_of_proc", &[Fragile], |chance| {
        format!(
            "'{}', {}",
            chance.of(&["self", "1"]),
            chance.of(&["b'0'", "b'1000'", "b'-17'", "b'x' * 100"])
        )
    }),
    operation("forget_references", &[], nothing),
    operation("write_tree", &[], |chance| shown(chance).to_owned()),
    operation("hold_many", &[Fragile], |chance| {
        format!("{}, {}", chance.of(&["'/'", "'/etc/passwd'", "'/proc/1'"]), chance.between(1, 1100))
    }),
];
