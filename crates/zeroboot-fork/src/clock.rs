//! The clock that all processes of a machine share.

/// Nanoseconds of `CLOCK_MONOTONIC`: comparable between processes. See `clock_gettime(2)`.
///
/// # After fork
/// One system call or less: allowed in the child.
#[must_use]
pub fn monotonic_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for writing. The call cannot fail: the clock always exists. nix's wrapper would need a
    // `Result` that nobody could act on.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}
