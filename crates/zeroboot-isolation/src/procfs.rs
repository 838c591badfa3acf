//! A shell's `/proc`: its own processes, a few files about the machine, and no other name.
//!
//! The kernel's option `subset=pid` leaves processes alone, and has no entry to mount a file on.
//! But it takes the option at a remount as well, and what is mounted on stays in its place then: a
//! mount holds the entry that it lies on. So there is a whole `/proc` first, in a namespace that
//! holds this process alone; the files are mounted on the entries of the same names; and the
//! remount takes away every other name, also those that modules of the kernel add later.
//!
//! Runs in a shell's init and obeys the child rules: system calls only. Never here: what the files
//! say ([`crate::world`]).

use std::ffi::CStr;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::time::{ClockId, clock_gettime};

use crate::shell::mount;
use crate::world::mount as calls;

/// Where each of them is shown, and where it lies. `sys` is a directory, the last two are links.
const SHOWN: [(&CStr, &CStr); 10] = [
    (c"/proc/cpuinfo", c"/.machine/cpuinfo"),
    (c"/proc/meminfo", c"/.machine/meminfo"),
    (c"/proc/stat", c"/.machine/stat"),
    (c"/proc/vmstat", c"/.machine/vmstat"),
    (c"/proc/loadavg", c"/.machine/loadavg"),
    (c"/proc/version", c"/.machine/version"),
    (c"/proc/filesystems", c"/.machine/filesystems"),
    (c"/proc/sys", c"/.machine/sys"),
    (c"/proc/mounts", c"/.machine/mounts"),
    (c"/proc/net", c"/.machine/net"),
];

/// The kernel's own file, since no two readings of it are alike.
const IDENTIFIER: &CStr = c"/proc/sys/kernel/random/uuid";

/// A file of this shell for a moment, in a private file system that has [room](UPTIME_FILES) for
/// it.
const UPTIME: &CStr = c"/dev/shm/uptime";

/// How many files, and pages, of `/dev/shm` are no sandbox's.
pub(crate) const UPTIME_FILES: u64 = 1;

const FLAGS: libc::c_ulong = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC
    // Since some of what anybody may write there is the machine's: a trigger in /proc/pressure, for
    // one.
    | libc::MS_RDONLY;

/// Mounts it over the template's `/proc`. The shell's `/dev/shm` is mounted already.
pub(crate) fn show() -> Result<(), Errno> {
    // Of the template's `/proc`, which this one is going to hide.
    let identifier = calls::open_entry(IDENTIFIER)?;
    calls::make_read_only(identifier.as_fd(), calls::Devices::Closed)?;
    mount(c"proc", c"/proc", FLAGS, c"")?;
    for (target, source) in SHOWN {
        calls::attach(calls::open_entry(source)?.as_fd(), target)?;
    }
    calls::attach(identifier.as_fd(), IDENTIFIER)?;
    show_uptime()?;
    mount(c"proc", c"/proc", FLAGS | libc::MS_REMOUNT, c"subset=pid")
}

/// When this shell was made, which is a little before its sandbox is asked for.
fn show_uptime() -> Result<(), Errno> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
    let file = open(UPTIME, flags, Mode::S_IRUSR | Mode::S_IRGRP | Mode::S_IROTH)?;
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME)?;
    let mut buffer = [0; 48];
    let text = uptime(&mut buffer, now.tv_sec().unsigned_abs(), now.tv_nsec().unsigned_abs());
    if nix::unistd::write(&file, text)? != text.len() {
        return Err(Errno::EIO);
    }
    drop(file);
    let shown = calls::open_entry(UPTIME)?;
    calls::make_read_only(shown.as_fd(), calls::Devices::Closed)?;
    calls::attach(shown.as_fd(), c"/proc/uptime")?;
    // Its mount keeps it.
    nix::unistd::unlink(UPTIME)
}

/// Seconds with two digits behind the point, and no idle time: that would be the machine's.
fn uptime(buffer: &mut [u8; 48], seconds: u64, nanoseconds: u64) -> &[u8] {
    const IDLE: &[u8] = b" 0.00\n";
    let mut start = buffer.len() - IDLE.len();
    buffer[start..].copy_from_slice(IDLE);
    let mut put = |byte| {
        start -= 1;
        buffer[start] = byte;
    };
    let hundredths = nanoseconds / 10_000_000 % 100;
    put(digit(hundredths));
    put(digit(hundredths / 10));
    put(b'.');
    put(digit(seconds));
    let mut rest = seconds / 10;
    while rest > 0 {
        put(digit(rest));
        rest /= 10;
    }
    &buffer[start..]
}

/// The last one.
fn digit(number: u64) -> u8 {
    b'0' + (number % 10) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_is_written_without_a_formatter() {
        for (seconds, nanoseconds, wanted) in [
            (0, 0, "0.00 0.00\n"),
            (7, 59_999_999, "7.05 0.00\n"),
            (1_234_567, 990_000_000, "1234567.99 0.00\n"),
            (u64::MAX, 999_999_999, "18446744073709551615.99 0.00\n"),
        ] {
            assert_eq!(uptime(&mut [0; 48], seconds, nanoseconds), wanted.as_bytes());
        }
    }
}
