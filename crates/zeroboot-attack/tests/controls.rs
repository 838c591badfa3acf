//! The attacks that can do no damage succeed where nothing holds them: in a bare interpreter, and in a careless fork.
//!
//! Only those whose success depends on nothing but the absence of a sandbox: not on root, nor on how a kernel was built.
#![expect(clippy::unwrap_used, reason = "a test may end there")]

use zeroboot_attack::bait::Bait;
use zeroboot_attack::catalogue::{self, Risk};
use zeroboot_attack::suite::{Commands, Outcome, run};

const IN_A_BARE_INTERPRETER: [&str; 26] = [
    "files/read-host-canary",
    "files/link-to-host",
    "processes/list-host",
    "processes/signal-host",
    "processes/signal-parent",
    "processes/outlive",
    "processes/host-environment",
    "network/reach-loopback",
    "network/listen",
    "network/host-abstract-name",
    "network/host-socket-path",
    "network/address-on-a-pair",
    "network/host-listings",
    "channels/tmp",
    "channels/abstract-name",
    "channels/loopback",
    "channels/file-lock",
    "channels/record-lock",
    "channels/process-names",
    "resources/output-flood",
    "descriptors/forgotten-directory",
    "after-fork/host-secret",
    "processes/child-of-its-parent",
    "kernel/out-of-band",
    "channels/shared-futex",
    "channels/socket-lists",
];

const IN_A_CARELESS_FORK: [&str; 6] = [
    "descriptors/shared-pipes",
    "after-fork/random-numbers",
    "after-fork/hash-seed",
    "after-fork/address-layout",
    "after-fork/shared-mappings",
    "after-fork/timers-and-signals",
];

fn all_get_through(paths: &[&str], commands: &Commands) {
    let bait = Bait::lay(Vec::new()).unwrap();
    for path in paths {
        let attack = catalogue::all().find(|attack| attack.path() == *path).unwrap();
        assert_eq!(attack.risk, Risk::Harmless, "{path} is not for a bare host");
        let outcome = run(attack, commands, &bait).unwrap().outcome;
        assert!(matches!(outcome, Outcome::Through(_)), "{path}: {outcome:?}");
    }
}

#[test]
fn a_bare_interpreter_holds_nothing() {
    all_get_through(&IN_A_BARE_INTERPRETER, &Commands { one: "python3 -".to_owned(), pair: None });
}

#[test]
fn a_careless_fork_leaves_everything() {
    let server = format!("python3 {}/arena/careless.py", env!("CARGO_MANIFEST_DIR"));
    all_get_through(&IN_A_CARELESS_FORK, &Commands { one: server.clone(), pair: Some(server) });
}
