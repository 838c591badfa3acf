//! A time namespace: the clock that counts from the boot counts from the template's start.
//!
//! So `/proc/uptime`, the start times of processes and the time of the boot fit together, and none
//! of them is the host's. The monotonic clock stays what it is: the host compares its own readings
//! with those of its sandboxes.
//!
//! Never here: the monotonic clock, which tells how long the host has run.

use std::fs;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::time::{ClockId, clock_gettime};

/// `CLONE_NEWTIME` of `linux/sched.h`.
const NEW_TIME: libc::c_int = 0x80;

/// Gives the children of the calling process a time namespace whose boot is now, to the second. It
/// needs all capabilities over its user namespace, no child in the new namespace yet, and a `/proc`
/// that can be written to. See `time_namespaces(7)`.
///
/// Where the kernel has no time namespaces, or the file cannot be written, the clock stays the
/// host's: programs find the same times as they would by `clock_gettime(2)`, which no filter sees.
pub(super) fn boot_now() {
    let Ok(()) = unshare(CloneFlags::from_bits_retain(NEW_TIME)) else { return };
    let Ok(now) = since_boot() else { return };
    // Without the offset the new namespace has the clocks of the old one.
    let _ = fs::write("/proc/self/timens_offsets", format!("boottime -{} 0", now.tv_sec()));
}

/// What the clock says that counts from the boot.
pub(super) fn since_boot() -> Result<nix::sys::time::TimeSpec, Errno> {
    clock_gettime(ClockId::CLOCK_BOOTTIME)
}
