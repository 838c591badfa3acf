//! Processes: how many, of what kind, and what they do to one another.

use super::Effect::{Output, Slow, Wild};
use super::{Chance, Operation, nothing, operation};

fn bodies(chance: &mut Chance) -> &'static str {
    chance.of(&["sleep_on", "spin", "be_deaf", "stop_self", "end_at_once", "lead_session"])
}

fn some_signal(chance: &mut Chance) -> String {
    chance.between(1, 64).to_string()
}

pub(super) const OPERATIONS: &[Operation] = &[
    operation("several", &[Slow], |chance| {
        format!("{}, {}, {}", chance.between(1, 4), chance.of(&["child", "orphan"]), bodies(chance))
    }),
    operation("several", &[Slow], |chance| {
        format!("{}, {}, {}", chance.between(1, 4), chance.of(&["child", "orphan"]), bodies(chance))
    }),
    operation("zombies", &[], |chance| chance.between(1, 12).to_string()),
    operation("make_tree", &[], |chance| chance.between(1, 8).to_string()),
    operation("burst", &[], |chance| chance.between(1, 20).to_string()),
    operation("refused", &[], |chance| {
        let beside = chance.of(&["'parent'", "'parent', 'vm', 'vfork'", "'parent', 'fs', 'files'"]);
        let body = chance.of(&["_exit", "_exit", "pause"]);
        // One that waits for a child that never ends would wait as long.
        let body = if beside.contains("vfork") { "_exit" } else { body };
        format!("'clone-parent', clone, [{beside}], {}, '{body}'", chance.of(&["17", "17", "0", "9"]))
    }),
    operation("refused", &[], |chance| {
        let kind = chance.of(&["newns", "newcgroup", "newuser", "newpid"]);
        format!("'namespace', clone, ['{kind}'], 17, '_exit'")
    }),
    operation("clone", &[], |chance| {
        let flags = chance.of(&[
            "'fs', 'files'",
            "'vm', 'vfork'",
            "'files', 'sysvsem'",
            "'io', 'fs'",
            "'untraced'",
            "'ptrace'",
            "'vm', 'sighand', 'files', 'fs', 'vfork'",
        ]);
        // What a child's end signals must not end its parent.
        format!("[{flags}], {}, '_exit'", chance.of(&["17", "0", "23", "28"]))
    }),
    operation("clone", &[Wild], |chance| {
        let flags = chance.of(&[
            "'vm', 'sighand', 'thread', 'files', 'fs'",
            "'vm', 'sighand', 'thread', 'parent'",
            "'vm', 'vfork'",
            "'vm', 'files'",
        ]);
        // Of a thread, `_exit` would be the end of the first process itself.
        format!("[{flags}], {}, '{}'", chance.of(&["17", "0", "9", "64"]), chance.of(&["pause", "abort"]))
    }),
    operation("threads", &[Slow], |chance| {
        format!("{}, {}", chance.between(1, 8), chance.of(&["sleep_on", "spin"]))
    }),
    operation("be_subreaper", &[], nothing),
    operation("ignore_children", &[], nothing),
    operation("stop_child_and_go_on", &[], nothing),
    operation("kill_all", &[], |chance| chance.of(&["9", "15", "19", "18", "1", "34", "0"]).to_owned()),
    operation("kill_init", &[], |_| "range(0, 65)".to_owned()),
    operation("queue_to_init", &[], |chance| format!("{}, {}", some_signal(chance), chance.between(1, 200))),
    operation("kill_group", &[Wild], some_signal),
    // Some of the numbers may be threads of its own.
    operation("kill_numbers", &[Wild], |chance| format!("1, 200, {}", chance.of(&["9", "19", "15", "0"]))),
    operation("signal_by_pidfd", &[], |chance| format!("1, {}", some_signal(chance))),
    operation("run_shell", &[Output], |chance| {
        let script =
            ["exit 201", "echo x", "kill -9 $$", "cat </dev/null", "(sleep 60 &)", "cat /proc/self/status"];
        format!("'{}'", chance.of(&script))
    }),
    operation("leave_shell", &[Output], |chance| {
        format!("'{}'", chance.of(&["sleep 60", "trap \"\" TERM INT HUP; sleep 60", "exec sleep 60 >&2"]))
    }),
    operation("own_session", &[], nothing),
    operation("own_group", &[], nothing),
    operation("death_signal", &[], some_signal),
    operation("dumpable", &[], |chance| chance.of(&["0", "1", "2"]).to_owned()),
    operation("call_itself", &[], |chance| {
        chance.of(&["b'zeroboot-warden'", "b') R 1 1 ('", "b'\\xff\\n'", "b''"]).to_owned()
    }),
    operation("change_words", &[], |chance| chance.of(&["b') Z 0 0'", "b'\\n\\n'"]).to_owned()),
    operation("refused", &[], |chance| {
        format!("'trace', trace, {}", chance.of(&["1", "os.getppid()", "os.getpid()"]))
    }),
    operation("burn_here", &[], |_| "20".to_owned()),
    operation("burn_in_child", &[], |_| "20".to_owned()),
    operation("burn_in_orphan", &[], |_| "20".to_owned()),
    operation("unmap_in_sight", &[Slow], |chance| chance.between(1, 2).to_string()),
];
