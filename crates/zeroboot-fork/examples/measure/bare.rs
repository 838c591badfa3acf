//! What the examples measure in the same way: a bare `clone3`, from the call to the child's first instruction, for each
//! byte on standard input; the nanoseconds go to standard output, eight bytes in the machine's order.

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;

use zeroboot_fork::monotonic_ns;

/// Answers until nobody asks any more.
pub(crate) fn serve() -> io::Result<()> {
    let (mut near, far) = io::pipe()?;
    let mut ask = [0; 1];
    while io::stdin().read(&mut ask)? == 1 {
        let before = monotonic_ns();
        let child = clone3()?;
        if child == 0 {
            stamp(far.as_raw_fd());
        }
        let mut first = [0; 8];
        near.read_exact(&mut first)?;
        reap(child)?;
        let took = u64::from_ne_bytes(first).saturating_sub(before);
        io::stdout().write_all(&took.to_ne_bytes())?;
        io::stdout().flush()?;
    }
    Ok(())
}

/// A copy of this process, and nothing else: 0 in the child, its number in the parent.
fn clone3() -> io::Result<i32> {
    // SAFETY: numbers only, for which zero is a value.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.exit_signal = libc::SIGCHLD.unsigned_abs().into();
    // SAFETY: needed since this is what is measured. Without a flag the child is a copy with a copied stack; this program
    // has one thread, and the child does nothing but `stamp`.
    let result =
        unsafe { libc::syscall(libc::SYS_clone3, &raw mut arguments, size_of::<libc::clone_args>()) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    i32::try_from(result).map_err(io::Error::other)
}

/// The child: tells the time, and leaves.
fn stamp(pipe: i32) -> ! {
    let now = monotonic_ns().to_ne_bytes();
    // SAFETY: eight bytes are there. Where the pipe is gone, so is whoever measures.
    unsafe { libc::write(pipe, now.as_ptr().cast(), now.len()) };
    // SAFETY: ends the process; nothing after it runs.
    unsafe { libc::_exit(0) }
}

fn reap(child: i32) -> io::Result<()> {
    // SAFETY: the status is not asked for.
    let reaped = unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    if reaped == child { Ok(()) } else { Err(io::Error::last_os_error()) }
}
