//! The choice that runs after each change: what says most about a kernel, in some minutes for both users together.
//!
//! Data, and how it becomes jobs. Whatever is not named here runs by `cargo xtask vm` alone.

use std::path::Path;

use anyhow::Context;

use super::jobs::Job;
use super::{attacks, programs};
use crate::test::RUNS;

/// Crate, test program, and what the names of its tests shall contain, if that is not all of them: the layers that speak
/// to the kernel, and of the whole what depends on them most.
const TESTS: [(&str, &str, Option<&str>); 8] = [
    ("zeroboot-fork", "processes", None),
    ("zeroboot-isolation", "apply", None),
    ("zeroboot-isolation", "world", None),
    ("zeroboot-isolation", "filter", None),
    ("zeroboot-telemetry", "sample", None),
    ("zeroboot", "limits", Some("bounded")),
    ("zeroboot", "protections", Some("a_policy_without_anything")),
    ("zeroboot", "network", Some("loopback")),
];

/// Attacks on walls that another kernel may build differently: one or two of each group, and what the kernel alone stops.
const ATTACKS: [&str; 23] = [
    "files/mount-by-descriptor",
    "files/root-of-init",
    "files/set-user-id-file",
    "processes/memory-of-init",
    "processes/join-by-pidfd",
    "processes/child-of-its-parent",
    "privileges/clone3-namespaces",
    "privileges/into-cgroup",
    "privileges/write-user-map",
    "kernel/io-uring",
    "kernel/userfaultfd",
    "kernel/i386-calls",
    "kernel/x32-calls",
    "kernel/cgroup-path",
    "network/host-abstract-name",
    "channels/abstract-name",
    "channels/session-keyring",
    "resources/fork-bomb",
    "resources/memory-bomb",
    "resources/next-sandbox",
    "descriptors/beyond-standard",
    "after-fork/merged-pages",
    "supervisor/queued-stream",
];

/// # Errors
/// When a program cannot be built, or is no more.
pub(super) fn jobs(root: &Path) -> anyhow::Result<Vec<Job>> {
    let programs = programs::build_run(root, RUNS[0])?;
    let mut jobs = Vec::new();
    for (package, name, filter) in TESTS {
        let program = programs.iter().find(|program| program.is(package, name));
        let program = program.with_context(|| format!("{package} has no test program {name} any more"))?;
        jobs.push(program.job(filter));
    }
    jobs.push(attacks(root, &ATTACKS)?);
    Ok(jobs)
}
