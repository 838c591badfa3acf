//! The children that a script leaves behind.

use std::ptr::null_mut;
use std::time::{Duration, Instant};

/// How long the children of a script may go on that is over: most end when their pipes are closed, and print their last words.
const CHILDREN_LAST: Duration = Duration::from_millis(100);

/// Waits for children that end by themselves now, and not long for those that don't.
pub(super) fn await_children() {
    let deadline = Instant::now() + CHILDREN_LAST;
    loop {
        // SAFETY: needed since `nix`'s wrapper knows only the statuses that it knows. A null pointer takes no status.
        match unsafe { libc::waitpid(-1, null_mut(), libc::WNOHANG) } {
            0 => {}
            1.. => continue,
            _ => return,
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        await_child_signal(left);
    }
}

fn await_child_signal(left: Duration) {
    let time =
        libc::timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: i64::from(left.subsec_nanos()) };
    // SAFETY: needed since the standard library has no such wait. The set is made by the first call and lives on this stack; a signal
    // that comes before the wait begins stays pending, since it is blocked from the second call on.
    unsafe {
        let mut set = std::mem::zeroed::<libc::sigset_t>();
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, null_mut());
        let mut status = 0;
        if libc::waitpid(-1, &raw mut status, libc::WNOHANG) == 0 {
            libc::sigtimedwait(&raw const set, null_mut(), &raw const time);
        }
    }
}
