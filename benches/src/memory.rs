//! How much memory the machine has left. Never here: whose the rest is.

use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use nix::unistd::{SysconfVar, sysconf};
use procfs::{Current, Meminfo};

/// How long memory that was given back may take to be free.
const SETTLING: Duration = Duration::from_secs(2);

/// What is [available], when what others gave back just now is in it.
///
/// # Errors
/// As [`available`].
pub fn settled() -> io::Result<u64> {
    const PAUSE: Duration = Duration::from_millis(100);
    const STILL_KIB: u64 = 512;
    let begun = Instant::now();
    let mut last = available()?;
    loop {
        thread::sleep(PAUSE);
        let now = available()?;
        if now.abs_diff(last) < STILL_KIB || begun.elapsed() > SETTLING {
            return Ok(now);
        }
        last = now;
    }
}

/// What is available, in KiB: `MemAvailable`, and what each processor keeps free for itself, which since Linux 6.7 can be
/// hundreds of MiB after much was freed, and which `MemAvailable` leaves out. See `proc_meminfo(5)`, and `pagesets` in
/// `/proc/zoneinfo`.
///
/// # Errors
/// When the kernel's files cannot be read, or say something else.
pub fn available() -> io::Result<u64> {
    let meminfo = Meminfo::current().map_err(io::Error::other)?;
    let available =
        meminfo.mem_available.ok_or_else(|| io::Error::other("/proc/meminfo has no MemAvailable"))?;
    Ok(available / 1024 + kept_by_processors(&read("/proc/zoneinfo")?)? * page_kib()?)
}

/// The size of a page.
///
/// # Errors
/// When the system does not tell.
pub fn page_kib() -> io::Result<u64> {
    let page = sysconf(SysconfVar::PAGE_SIZE)?.ok_or_else(|| io::Error::other("pages have no size"))?;
    Ok(u64::try_from(page).map_err(io::Error::other)? / 1024)
}

/// In pages.
fn kept_by_processors(zones: &str) -> io::Result<u64> {
    let counts = zones.lines().filter_map(|line| line.trim().strip_prefix("count:"));
    counts.map(|count| count.trim().parse::<u64>()).sum::<Result<_, _>>().map_err(io::Error::other)
}

fn read(path: &str) -> io::Result<String> {
    fs::read_to_string(path)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot read {path}: {error}")))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use super::*;

    #[test]
    fn what_processors_keep_is_counted_in_all_zones() {
        let zones = "Node 0, zone DMA\n  pagesets\n    cpu: 0\n              count:    3\n              high: 9\n\
                     Node 0, zone Normal\n    cpu: 1\n              count: 40\n";
        assert_eq!(kept_by_processors(zones).unwrap(), 43);
        assert_eq!(kept_by_processors("").unwrap(), 0);
    }

    #[test]
    fn this_machine_has_memory() {
        assert!(settled().unwrap() > 0);
    }
}
