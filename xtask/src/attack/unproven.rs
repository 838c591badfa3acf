//! The attacks that no control shows to work, and why. Any other one without a control that gets through is a failure: what
//! is unproven never grows in silence.
//!
//! Where another kernel or host allows it, a control of one of these gets through all the same, and counts.

/// The right that is asked for is one over the host itself, and no user namespace gives it.
const OVER_THE_HOST: &str = "it needs a capability over the host, which the user namespace keeps in any case";

/// The file belongs to the host's root, whoever is root in a namespace.
const THE_HOSTS_FILE: &str = "the file is the host's root's, which nobody in a user namespace is";

/// Nothing on this machine could be attacked.
const NOT_IN_THE_KERNEL: &str = "kernels are built without it, as the one that this was tried with";

/// The attack compares what cannot be the same.
const NEVER_THE_SAME: &str = "the kernel or the library sees every fork by itself: no sandbox is so careless";

const REASONS: &[(&str, &[&str])] = &[
    (
        OVER_THE_HOST,
        &[
            "files/open-by-handle",
            "files/guess-handle",
            "files/make-disk-node",
            "files/make-memory-node",
            "privileges/become-root",
            "privileges/map-page-zero",
            "kernel/bpf",
            "kernel/bpf-program",
            "kernel/perf-event",
            "kernel/swap",
            "kernel/set-clock",
            "kernel/steer-clock",
            "kernel/accounting",
            "kernel/read-log",
            "kernel/physical-pages",
            "resources/raise-limits",
            "resources/priority",
            "resources/real-time",
            "resources/reserved-time",
            "resources/disk-priority",
            "resources/spared-by-the-killer",
            "resources/locked-memory",
            "resources/locked-future",
            "resources/limits-of-priority",
            "after-fork/template-image",
            "after-fork/merged-pages",
        ],
    ),
    (
        THE_HOSTS_FILE,
        &[
            "files/reopen-for-writing",
            "files/write-devices",
            "files/overwrite-programs",
            "kernel/core-pattern",
            "kernel/write-sysfs",
            "kernel/debug-files",
            "channels/lease",
        ],
    ),
    (
        NOT_IN_THE_KERNEL,
        &[
            "kernel/kexec",
            "kernel/load-module",
            "kernel/unload-module",
            "kernel/ports",
            "kernel/x32-calls",
            "kernel/sysrq",
            "network/kernel-crypto",
            "network/pairs-of-every-family",
        ],
    ),
    (
        NEVER_THE_SAME,
        &[
            "after-fork/secret-tokens",
            "after-fork/openssl-random",
            "after-fork/temporary-names",
            "after-fork/kernel-random",
        ],
    ),
    (
        "programs that give privileges are the host's root's: in a user namespace their bits mean nothing",
        &["privileges/set-user-id-programs", "privileges/preload-into-privileged"],
    ),
    (
        "a user namespace is mapped once, by whoever has made it, before anything runs there",
        &["privileges/write-user-map", "privileges/write-group-map"],
    ),
    ("the hierarchy of cgroups is the host's root's", &["privileges/into-cgroup", "kernel/cgroup-files"]),
    ("only the host's root makes devices", &["files/device-in-a-shown-directory"]),
    ("text consoles are the host's", &["terminal/paste-into", "terminal/paste-behind-high-bits"]),
    ("the kernel has no way above a root that is the root of its mount tree", &["files/climb"]),
    ("the host's files and a directory to write in are never one mount", &["files/hard-link-out"]),
    ("the kernel has no handles of what is in /proc", &["kernel/handle-of-proc"]),
    ("the memory of two forks that live at once is never the same", &["after-fork/sibling-secret"]),
    (
        "before Linux 6.7 the register is the host's root's, and some kernels have none",
        &["kernel/binary-formats"],
    ),
    ("the kernel leaves one thread after a fork", &["after-fork/threads-left"]),
    ("it needs processors that are idle", &["resources/processor-hog"]),
];

/// For the suite: an attack and its reason, one a line.
pub(super) fn lines() -> String {
    let lines = REASONS
        .iter()
        .flat_map(|(reason, attacks)| attacks.iter().map(move |attack| format!("{attack}: {reason}\n")));
    lines.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::lines;

    #[test]
    fn each_attack_has_one_reason() {
        let lines = lines();
        let names: BTreeSet<_> =
            lines.lines().filter_map(|line| line.split_once(": ")).map(|(name, _)| name).collect();
        assert_eq!(names.len(), lines.lines().count());
        assert!(names.contains("kernel/swap"));
    }
}
