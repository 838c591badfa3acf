//! The channel: packets of every kind, with descriptors of every kind, at every time.

use super::Effect::{Channel, Floods, Output};
use super::{Chance, Operation, nothing, operation};

/// Descriptors that can be sent along, none the most often.
const KINDS: [&str; 11] =
    ["none", "none", "none", "stdin", "stdout", "stderr", "channel", "memory", "pipe", "pair", "directory"];

/// A packet that is short, and what comes with it.
fn packet(chance: &mut Chance) -> String {
    let data = match chance.place(14) {
        0..=2 => "b''".to_owned(),
        3 => "b'x'".to_owned(),
        4 | 5 => "b'D'".to_owned(),
        6 => format!("b'R' + bytes({})", chance.of(&["48", "56", "40", "47"])),
        7 => format!("b'F' + bytes([{}] * 8)", chance.between(0, 255)),
        8 => format!("b'T' + bytes([{}])", chance.between(0, 255)),
        9 => format!("b'A' + b'a' * {}", chance.between(0, 600)),
        10 => "b'g'".to_owned(),
        11 => "b'a'".to_owned(),
        12 => format!("os.urandom({})", chance.between(1, 300)),
        _ => format!("b'D' + bytes({})", chance.between(1, 64)),
    };
    format!("{data}, {}", descriptors(chance))
}

fn large_packet(chance: &mut Chance) -> String {
    let size = chance.of(&["4096", "61439", "61440", "61441", "100000", "200000"]);
    format!("b'{}' * {size}, {}", chance.of(&["A", "x", "D"]), descriptors(chance))
}

/// Of which kind, and how many: a packet takes 253.
fn descriptors(chance: &mut Chance) -> String {
    let count = chance.of(&["1", "1", "1", "2", "8", "9", "13", "253"]);
    format!("'{}', {count}", chance.of(&KINDS))
}

fn talk(chance: &mut Chance) -> String {
    let data = chance.of(&["b''", "b'D'", "b'x'", "b'A' * 8", "b'A' * 1000"]);
    format!("{data}, '{}', {}", chance.of(&KINDS), chance.of(&["0", "0.0005", "0.01"]))
}

pub(super) const OPERATIONS: &[Operation] = &[
    operation("channel_send", &[], packet),
    operation("channel_send", &[], packet),
    operation("channel_send", &[], packet),
    operation("channel_send", &[Floods], large_packet),
    operation("channel_send_many", &[Floods], |chance| {
        format!("{}, {}", packet(chance), chance.between(2, 40))
    }),
    operation("channel_send_out_of_band", &[], |chance| chance.of(&["b''", "b'D'", "b'x' * 9"]).to_owned()),
    operation("channel_credentials", &[], |chance| {
        chance.of(&["os.getpid()", "1", "0", "os.getppid()"]).to_owned()
    }),
    operation("channel_fill", &[Floods], |chance| {
        format!("{}, {}", chance.of(&["b''", "b'x'", "b'A' * 60000"]), chance.between(1, 3000))
    }),
    operation("channel_shutdown", &[Channel], |chance| chance.between(0, 2).to_string()),
    operation("channel_close", &[Channel], nothing),
    operation("channel_replace", &[Channel], |chance| format!("'{}'", chance.of(&KINDS[3..]))),
    operation("channel_copies", &[], |chance| chance.between(1, 40).to_string()),
    operation("channel_read", &[Channel], |chance| chance.between(1, 20).to_string()),
    operation("channel_peek", &[], |chance| chance.between(1, 500).to_string()),
    operation("channel_buffers", &[Channel], |chance| {
        let option = chance.of(&["socket.SO_SNDBUF", "socket.SO_RCVBUF"]);
        format!("{option}, {}", chance.of(&["0", "1", "4096", "1 << 20", "(1 << 31) - 1"]))
    }),
    operation("channel_linger", &[], |chance| chance.between(0, 100).to_string()),
    operation("channel_time_out", &[Channel], |chance| chance.between(0, 999_999).to_string()),
    operation("channel_blocking", &[Channel], |chance| chance.of(&["True", "False"]).to_owned()),
    operation("channel_of_orphan", &[Floods, Channel], talk),
    operation("channel_heard_by_orphan", &[Channel], nothing),
    operation("channel_in_flight", &[], |chance| chance.between(1, 6).to_string()),
    operation("streams_in_flight", &[Output], descriptors),
];
