//! Signals that whoever started this program ignores.

use std::mem::MaybeUninit;
use std::ptr;

use nix::errno::Errno;

/// Sets every ignored signal to its default: an `execve` keeps handlers from the next program, but not this, and so what
/// the program that started this one ignores would go on to all that is started here. See `signal(7)`.
///
/// `SIGPIPE` stays as it is, since Rust's own start ignores it, and gives it back to what [`std::process::Command`] starts.
///
/// # Errors
/// What the kernel answers to `sigaction`.
pub fn ignore_none() -> Result<(), Errno> {
    for signal in (1..=libc::SIGRTMAX()).filter(|signal| *signal != libc::SIGPIPE) {
        let mut found = MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: only asks; `found` is valid for writing.
        match Errno::result(unsafe { libc::sigaction(signal, ptr::null(), found.as_mut_ptr()) }) {
            Ok(_) => {}
            // Those that libc keeps to itself.
            Err(Errno::EINVAL) => continue,
            Err(errno) => return Err(errno),
        }
        // SAFETY: the call has succeeded and filled it.
        if unsafe { found.assume_init() }.sa_sigaction != libc::SIG_IGN {
            continue;
        }
        // SAFETY: the default is a valid disposition for every signal, and no handler is lost.
        if unsafe { libc::signal(signal, libc::SIG_DFL) } == libc::SIG_ERR {
            return Err(Errno::last());
        }
    }
    Ok(())
}
