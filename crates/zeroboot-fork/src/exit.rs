//! How a child ended, and what it used.

use std::time::Duration;

use nix::errno::Errno;

/// How a process ended, and what it used. Collected once, by whoever reaps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// How.
    pub status: ExitStatus,
    /// What it used, its own reaped children included.
    pub usage: Usage,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// By itself, with this code.
    Exited(u8),
    /// By a signal.
    Signaled {
        /// Its number.
        signal: i32,
        /// Whether a core was dumped.
        core_dumped: bool,
    },
}

/// What a process used, from `getrusage(2)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Faults served without a device.
    pub minor_faults: u64,
    /// Faults that waited for a device.
    pub major_faults: u64,
    /// CPU time in user mode.
    pub user: Duration,
    /// CPU time in the kernel.
    pub system: Duration,
    /// The highest resident size, in KiB; a fork starts with what its parent had.
    pub peak_resident_kib: u64,
}

impl Usage {
    pub(crate) fn from_raw(raw: &libc::rusage) -> Self {
        let duration = |time: libc::timeval| {
            Duration::from_secs(time.tv_sec.unsigned_abs())
                + Duration::from_micros(time.tv_usec.unsigned_abs())
        };
        Self {
            minor_faults: raw.ru_minflt.unsigned_abs(),
            major_faults: raw.ru_majflt.unsigned_abs(),
            user: duration(raw.ru_utime),
            system: duration(raw.ru_stime),
            peak_resident_kib: raw.ru_maxrss.unsigned_abs(),
        }
    }
}

/// Collects one child that has ended, without waiting: its pid and its end, or `None` while none has.
///
/// For a process that is the reaper of others (an init); where a [`Child`](crate::Child) exists, ask that.
/// See `wait4(2)`.
///
/// # Errors
/// `ECHILD` when there is no child at all.
pub fn reap_any() -> Result<Option<(u32, Exit)>, Errno> {
    let (any, mut status) = (-1, 0);
    // SAFETY: an all-zero value is a valid `rusage`.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: status and usage are valid for writing; nix has no wrapper that gives the usage.
    let pid = unsafe { libc::wait4(any, &raw mut status, libc::WNOHANG, &raw mut usage) };
    let pid = Errno::result(pid)?.unsigned_abs();
    if pid == 0 {
        return Ok(None);
    }
    let status = if libc::WIFEXITED(status) {
        ExitStatus::Exited(low_byte(libc::WEXITSTATUS(status)))
    } else {
        ExitStatus::Signaled { signal: libc::WTERMSIG(status), core_dumped: libc::WCOREDUMP(status) }
    };
    Ok(Some((pid, Exit { status, usage: Usage::from_raw(&usage) })))
}

/// The exit code of a process is one byte.
pub(crate) fn low_byte(code: libc::c_int) -> u8 {
    code.to_le_bytes()[0]
}
