//! The standard streams: odd writes, stolen and closed ends, and processes that keep them open.

use super::Effect::{Floods, Fragile, Output, Wild};
use super::{Chance, Operation, nothing, operation};

fn written(chance: &mut Chance) -> &'static str {
    chance.of(&["1", "1", "2"])
}

fn any(chance: &mut Chance) -> &'static str {
    chance.of(&["0", "1", "2"])
}

pub(super) const OPERATIONS: &[Operation] = &[
    operation("write_sizes", &[Output], |chance| {
        let sizes: Vec<_> = (0..chance.between(1, 6)).map(|_| chance.between(0, 600).to_string()).collect();
        format!("{}, [{}]", written(chance), sizes.join(", "))
    }),
    operation("write_sizes", &[Output, Floods], |chance| {
        format!("{}, [4095, 4096, 4097, 65536, 65537, {}]", written(chance), chance.between(0, 300_000))
    }),
    operation("write_vector", &[Output], |chance| format!("{}, {}", written(chance), chance.between(0, 500))),
    operation("fill", &[Output, Floods], |chance| {
        format!("{}, {}", written(chance), chance.between(1, 400_000))
    }),
    operation("close_stream", &[Output], |chance| any(chance).to_owned()),
    operation("swap_streams", &[Output], nothing),
    // An interpreter does not start where its standard error is a directory.
    operation("replace_stream", &[Output, Fragile], |chance| {
        let kind =
            chance.of(&["memory", "pipe", "pair", "directory", "channel", "stdin", "stdout", "stderr"]);
        format!("{}, '{kind}'", any(chance))
    }),
    operation("open_again", &[Output], |chance| {
        let flags = chance.of(&["os.O_RDONLY", "os.O_WRONLY", "os.O_RDWR"]);
        format!("{}, {flags}, {}", any(chance), chance.between(1, 8))
    }),
    operation("open_of_parent", &[Output], |chance| {
        format!("{}, {}", any(chance), chance.of(&["os.O_RDONLY", "os.O_WRONLY", "os.O_RDWR"]))
    }),
    operation("steal", &[Output, Floods], |chance| {
        format!("{}, {}, {}", written(chance), chance.between(1, 3), chance.between(20, 200))
    }),
    operation("steal_and_stay", &[Wild, Output, Floods], |chance| {
        format!("{}, {}, {}", written(chance), chance.between(1, 3), chance.between(20, 300))
    }),
    operation("steal_input", &[], nothing),
    operation("pipe_size", &[], |chance| {
        format!("{}, {}", any(chance), chance.of(&["0", "1", "4096", "8192", "1 << 20", "1 << 30"]))
    }),
    operation("flip_blocking", &[Output], |chance| format!("{}, {}", any(chance), chance.between(1, 50))),
    operation("stream_flags", &[Output], |chance| {
        let flags = chance.of(&["os.O_DIRECT", "os.O_APPEND", "os.O_NONBLOCK", "os.O_NOATIME"]);
        format!("{}, {flags}", any(chance))
    }),
    operation("stream_signals", &[], |chance| format!("{}, 29", any(chance))),
    operation("odd_calls", &[Output], |chance| any(chance).to_owned()),
    operation("splice_between", &[Output], |chance| chance.between(1, 4096).to_string()),
    operation("read_input", &[], |chance| chance.between(1, 100_000).to_string()),
    operation("hold_streams", &[], |chance| chance.between(1, 3).to_string()),
    operation("write_of_orphan", &[Output, Floods], |chance| {
        format!("{}, {}, {}", written(chance), chance.between(1, 5000), chance.of(&["0", "0.001", "0.05"]))
    }),
    operation("write_of_children", &[Output, Floods], |chance| {
        format!("{}, {}, {}", written(chance), chance.between(1, 70_000), chance.between(1, 3))
    }),
    operation("streams_in_flight", &[Output], |chance| {
        format!("'{}', {}", chance.of(&["stdin", "stdout", "stderr", "channel"]), chance.between(1, 20))
    }),
];
