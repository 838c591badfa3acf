//! Where a population ends: what each sandbox takes of what is limited, and how many there is room for.

use std::fs;

use anyhow::Context;
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use zeroboot_benches::memory;

use super::family::Family;

/// What is left to the rest of the machine, in KiB: 2 GiB.
pub(crate) const SPARED_KIB: u64 = 2 << 20;

/// Descriptors and processes that are left to everything else.
const SPARED: u64 = 256;

/// The processes of a sandbox: its own, and its shell.
const PROCESSES: u64 = 2;

/// The user ids that sandboxes have in turn.
const USERS: u64 = 50_000;

/// What one sandbox takes, as few of them have shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) host_descriptors: f64,
    pub(crate) warden_descriptors: f64,
    pub(crate) kib: f64,
}

/// Something of which there is no more, and for how many sandboxes it is enough.
#[derive(Debug)]
pub(crate) struct Limit {
    pub(crate) name: String,
    pub(crate) holds: u64,
    pub(crate) of: Of,
}

/// What a limit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    /// One process with its template: with more hosts there is room for more.
    Host,
    Machine,
}

/// Raises the limit of open files of this process, and of those that it starts, as far as it may: a privileged one to the
/// kernel's own limit. Gives what it is then.
pub(crate) fn raise_descriptors() -> anyhow::Result<u64> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("cannot read the limit of open files")?;
    let most = number("/proc/sys/fs/nr_open")?.max(hard);
    match setrlimit(Resource::RLIMIT_NOFILE, most, most) {
        Ok(()) => Ok(most),
        Err(Errno::EPERM) => {
            setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("cannot raise the limit of open files")?;
            Ok(hard)
        }
        Err(errno) => Err(errno).context("cannot raise the limit of open files"),
    }
}

/// All limits that are known of, the nearest first.
pub(crate) fn limits(cost: Cost) -> anyhow::Result<Vec<Limit>> {
    let limit = |name: &str, holds: u64| Limit { name: name.to_owned(), holds, of: Of::Machine };
    let of_host = |name: &str, holds: u64| Limit { of: Of::Host, ..limit(name, holds) };
    let (descriptors, _) =
        getrlimit(Resource::RLIMIT_NOFILE).context("cannot read the limit of open files")?;
    let held = Family::find()?.held()?;
    let free = |held: usize| descriptors.saturating_sub(held as u64 + SPARED);
    let processes = fs::read_to_string("/proc/loadavg").context("cannot read /proc/loadavg")?;
    // The fourth word is those that run, and all that there are.
    let processes = processes.split_whitespace().nth(3).and_then(|word| word.split_once('/'));
    let processes = processes.and_then(|(_, all)| all.parse().ok()).unwrap_or(0) + SPARED;
    let left = memory::available()?.saturating_sub(SPARED_KIB);
    let mut limits = vec![
        limit("memory, 2 GiB of it spared", share(left, cost.kib)),
        of_host("open files of the host (RLIMIT_NOFILE)", share(free(held.host), cost.host_descriptors)),
        of_host(
            "open files of the warden (RLIMIT_NOFILE)",
            share(free(held.warden), cost.warden_descriptors),
        ),
        of_host("user ids of sandboxes", USERS),
    ];
    for path in ["/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"] {
        limits.push(limit(path, number(path)?.saturating_sub(processes) / PROCESSES));
    }
    for kind in ["pid", "mnt", "ipc"] {
        let path = format!("/proc/sys/user/max_{kind}_namespaces");
        limits.push(limit(&path, number(&path)?.saturating_sub(SPARED)));
    }
    limits.sort_by_key(|limit| limit.holds);
    Ok(limits)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is left of something, divided: a number of processes"
)]
fn share(left: u64, each: f64) -> u64 {
    if each < 0.5 { u64::MAX } else { (left as f64 / each) as u64 }
}

fn number(path: &str) -> anyhow::Result<u64> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    text.trim().parse().with_context(|| format!("{path} is no number"))
}
