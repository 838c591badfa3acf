//! The machine that a sandbox reads about in `/proc`: its own limits where it has some, and
//! otherwise nothing that would tell one host from another.
//!
//! The files are made once, in the tree's root, and each shell shows them in its `/proc`
//! (`crate::procfs`). They are fixed: a sandbox sees no activity of others in them, nor its own.
//!
//! Never here: how they come to `/proc`.

mod processors;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::clock::since_boot;
use super::tree::TreeError;
use crate::policy::Limits;

/// Where the files lie in the tree.
const PLACE: &str = ".machine";

/// Memory that a host's is rounded to, by its first binary digits.
const DIGITS: u32 = 3;

/// Whole lines of zeros for what is counted for the machine.
const VMSTAT: [&str; 6] = ["pgpgin", "pgpgout", "pswpin", "pswpout", "pgfault", "pgmajfault"];

/// What the kernel can mount and a tree may show: the same on every host.
const FILE_SYSTEMS: &str =
    "nodev\tproc\nnodev\ttmpfs\nnodev\tdevpts\nnodev\toverlay\n\text4\n\txfs\n\tbtrfs\n";

/// Writes the files below a tree's root, while the host's `/proc` is still seen. What follows from
/// the user or the kernel that `uname(2)` names is read here; nothing else of the host is taken
/// over as it is.
pub(super) fn lay_out(root: &Path, limits: &Limits) -> Result<(), TreeError> {
    let place = root.join(PLACE);
    let put = |name: &str, text: &str| write(&place.join(name), text);
    let number = processors::visible(limits.cpus).map_err(TreeError::Processors)?;
    put("cpuinfo", &processors::describe(&read("/proc/cpuinfo")?, number))?;
    put("stat", &processors::times(number, booted_at()))?;
    put("meminfo", &memory(limits, &read("/proc/meminfo")?))?;
    put("vmstat", &VMSTAT.map(|name| format!("{name} 0\n")).concat())?;
    put("loadavg", "0.00 0.00 0.00 1/1 2\n")?;
    put("filesystems", FILE_SYSTEMS)?;
    let names = nix::sys::utsname::uname().map_err(TreeError::Names)?;
    let text = |part: &std::ffi::OsStr| part.to_string_lossy().into_owned();
    let (release, version) = (text(names.release()), text(names.version()));
    put("version", &format!("Linux version {release} (root@sandbox) {version}\n"))?;
    for link in ["mounts", "net"] {
        let path = place.join(link);
        std::os::unix::fs::symlink(Path::new("self").join(link), &path)
            .map_err(|source| TreeError::Make { path, source })?;
    }
    let setting = |name: &str| read(&format!("/proc/sys/{name}"));
    for (name, text) in [
        ("kernel/ostype", "Linux\n".to_owned()),
        ("kernel/osrelease", release + "\n"),
        ("kernel/version", version + "\n"),
        ("kernel/hostname", text(names.nodename()) + "\n"),
        ("kernel/cap_last_cap", setting("kernel/cap_last_cap")?),
        ("kernel/ngroups_max", "65536\n".to_owned()),
        ("kernel/pid_max", "4194304\n".to_owned()),
        ("kernel/threads-max", format!("{}\n", limits.processes)),
        ("kernel/random/boot_id", setting("kernel/random/uuid")?),
        // A place for the kernel's own, which differs at each reading.
        ("kernel/random/uuid", String::new()),
        ("kernel/random/entropy_avail", "256\n".to_owned()),
        ("kernel/random/poolsize", "256\n".to_owned()),
        ("vm/overcommit_memory", setting("vm/overcommit_memory")?),
        ("vm/max_map_count", setting("vm/max_map_count")?),
        ("fs/file-max", "9223372036854775807\n".to_owned()),
        ("fs/nr_open", "1048576\n".to_owned()),
        ("fs/pipe-max-size", "1048576\n".to_owned()),
        ("net/core/somaxconn", "128\n".to_owned()),
    ] {
        put(&format!("sys/{name}"), &text)?;
    }
    Ok(())
}

fn read(path: &str) -> Result<String, TreeError> {
    fs::read_to_string(path).map_err(|source| TreeError::Machine { path: PathBuf::from(path), source })
}

fn write(path: &Path, text: &str) -> Result<(), TreeError> {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, text));
    made.and_then(|()| fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o444)))
        .map_err(|source: io::Error| TreeError::Make { path: path.to_owned(), source })
}

/// In seconds since 1970, by the clocks that a sandbox reads.
fn booted_at() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let up = since_boot().map(std::time::Duration::from).unwrap_or_default();
    now.saturating_sub(up).as_secs()
}

/// All of it is free: what a sandbox and its siblings take of it is not said.
fn memory(limits: &Limits, of_host: &str) -> String {
    let kibi = rounded(total_kibi(of_host));
    let kibi = limits.memory.map_or(kibi, |limit| limit.0 / 1024).min(total_kibi(of_host).max(1));
    let line = |name: &str, kibi: u64| format!("{:<16}{kibi:>8} kB\n", format!("{name}:"));
    let mut text: String = ["MemTotal", "MemFree", "MemAvailable"].map(|name| line(name, kibi)).concat();
    for name in [
        "Buffers",
        "Cached",
        "SwapCached",
        "Active",
        "Inactive",
        "SwapTotal",
        "SwapFree",
        "Dirty",
        "Writeback",
        "AnonPages",
        "Mapped",
        "Shmem",
        "Slab",
        "SReclaimable",
        "SUnreclaim",
        "Committed_AS",
    ] {
        text.push_str(&line(name, 0));
    }
    text.push_str(&line("CommitLimit", kibi));
    text
}

fn total_kibi(meminfo: &str) -> u64 {
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    total.and_then(|total| total.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or_default()
}

/// Down to the first [`DIGITS`] binary digits: hosts of about one size say the same.
fn rounded(number: u64) -> u64 {
    let digits = u64::BITS - number.leading_zeros();
    let lost = digits.saturating_sub(DIGITS);
    number >> lost << lost
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Bytes, Policy};

    #[test]
    fn memory_is_the_limit_or_a_round_number() {
        let host = "MemTotal:       16315968 kB\nMemFree: 1 kB\n";
        for (limit, wanted) in
            [(None, 14 << 20), (Some(Bytes::mebi(64)), 64 << 10), (Some(Bytes(u64::MAX)), 16_315_968)]
        {
            let mut policy = Policy::strict();
            policy.limits.memory = limit;
            let text = memory(&policy.limits, host);
            assert_eq!(total_kibi(&text), wanted, "{limit:?}: {text}");
        }
        assert_eq!([0, 7, 9, 1023].map(rounded), [0, 7, 8, 896]);
    }
}
