//! Limits and scheduling: what a process may take from itself.

use super::Effect::{Fragile, Slow, Wild};
use super::{Chance, Operation, nothing, operation};

fn low(chance: &mut Chance) -> String {
    let value = chance.of(&["0", "1", "3", "100", "4096", "1 << 20"]);
    format!("{value}, {value}")
}

pub(super) const OPERATIONS: &[Operation] = &[
    operation("limit", &[Fragile], |chance| {
        let name = chance.of(&["NOFILE", "NPROC", "FSIZE", "CORE", "MEMLOCK", "SIGPENDING", "MSGQUEUE"]);
        format!("'{name}', {}", low(chance))
    }),
    operation("limit", &[Wild], |chance| {
        format!("'{}', {}", chance.of(&["DATA", "AS", "STACK", "CPU", "RTTIME"]), low(chance))
    }),
    operation("limit", &[], |chance| {
        let name = chance.of(&["NOFILE", "NPROC", "CORE", "MEMLOCK", "SIGPENDING", "RTPRIO", "NICE", "DATA"]);
        format!("'{name}', -1, -1")
    }),
    operation("be_nice", &[Slow], |chance| chance.of(&["19", "5", "-20"]).to_owned()),
    operation("be_nice_all", &[Slow], |chance| chance.of(&["19", "-1"]).to_owned()),
    operation("scheduler", &[Slow], |chance| {
        chance
            .of(&["os.SCHED_BATCH, 0", "os.SCHED_IDLE, 0", "os.SCHED_FIFO, 1", "os.SCHED_RR, 99"])
            .to_owned()
    }),
    operation("affinity", &[], |chance| chance.of(&["{0}", "{1}", "range(1024)", "set()"]).to_owned()),
    operation("control", &[Fragile], |chance| {
        // Of prctl: keepcaps, timing, timer slack, collapse, huge pages, machine checks, subreaper, io flusher.
        let option = chance.of(&["8", "14", "29", "31", "33", "36", "41", "53", "57", "28", "23", "24"]);
        format!("{option}, {}", chance.of(&["0", "1", "2", "(1 << 64) - 1"]))
    }),
    operation("filter_itself", &[], |chance| {
        chance.of(&["0x80000000", "0x00050001", "0x7fc00000", "0x00030000"]).to_owned()
    }),
    operation("filters_many", &[], |chance| chance.between(1, 30).to_string()),
    operation("strict_mode", &[Wild], nothing),
];
