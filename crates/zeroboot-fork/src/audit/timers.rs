//! Timers of the process.

use std::fmt;
use std::fs;
use std::io;

use nix::errno::Errno;

/// A timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TimerKind {
    /// `setitimer(2)` in real time, also by `alarm(2)`.
    Real,
    /// `setitimer(2)` in user CPU time.
    Virtual,
    /// `setitimer(2)` in CPU time.
    Prof,
    /// `timer_create(2)`
    Posix {
        /// Its number.
        id: u32,
    },
}

impl fmt::Display for TimerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Real => f.write_str("an interval timer of real time (or an alarm)"),
            Self::Virtual => f.write_str("an interval timer of user CPU time"),
            Self::Prof => f.write_str("an interval timer of CPU time (a profiler's)"),
            Self::Posix { id } => write!(f, "POSIX timer {id}"),
        }
    }
}

/// All interval timers that run, and all POSIX timers that exist.
pub(super) fn armed() -> io::Result<Vec<TimerKind>> {
    let mut timers = Vec::new();
    for (which, kind) in [
        (libc::ITIMER_REAL, TimerKind::Real),
        (libc::ITIMER_VIRTUAL, TimerKind::Virtual),
        (libc::ITIMER_PROF, TimerKind::Prof),
    ] {
        if is_armed(which)? {
            timers.push(kind);
        }
    }
    timers.extend(posix()?);
    Ok(timers)
}

fn is_armed(which: libc::c_int) -> io::Result<bool> {
    // SAFETY: an all-zero value is a valid `itimerval`.
    let mut timer: libc::itimerval = unsafe { std::mem::zeroed() };
    // SAFETY: `timer` is valid for writing. The raw call, since the type of `which` differs between C libraries.
    let result = unsafe { libc::syscall(libc::SYS_getitimer, which, &raw mut timer) };
    Errno::result(result)?;
    Ok((timer.it_value.tv_sec, timer.it_value.tv_usec) != (0, 0))
}

/// From `/proc/self/timers`, which a kernel without checkpoint and restore does not have: nothing is known then.
fn posix() -> io::Result<Vec<TimerKind>> {
    let text = match fs::read_to_string("/proc/self/timers") {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text?,
    };
    let ids = text.lines().filter_map(|line| line.strip_prefix("ID:")?.trim().parse().ok());
    Ok(ids.map(|id| TimerKind::Posix { id }).collect())
}
