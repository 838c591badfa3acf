//! What the init of a parked shell does: it reaps orphans, so that their CPU time is accounted for, and ends the sandbox when
//! it is asked to.
//!
//! ```text
//! waiting ──SIGCHLD──▶ reaps ──▶ waiting
//!    │
//!    └────SIGTERM────▶ kills everybody, reaps until nobody is left ──▶ exits: 1 if it has reaped anybody, or else 0
//! ```
//!
//! It is process 1 of its pid namespace. All signals are blocked and taken one by one, so `SIGTERM` reaches it although it has
//! no handler; it comes from the warden or the host. A sandbox that could send it would end itself and nothing else. `SIGKILL`
//! from outside ends everything as well, but what still lived then is accounted for nowhere.
//!
//! What it has reaped is in its own resource usage, which the warden receives when it reaps the init; see
//! `RUSAGE_CHILDREN` in `getrusage(2)`.
//!
//! Bound by the child rules: system calls only. Never here: a file, a word to anybody, and a use of the one descriptor that it holds
//! for the warden ([`HOME_DESCRIPTOR`](crate::shell::HOME_DESCRIPTOR)).

use std::mem::MaybeUninit;
use std::time::Duration;

use nix::errno::Errno;

/// What it may do beyond what everybody may: signal the processes of its namespace, which have another user id. See
/// `capabilities(7)`.
pub(crate) const CAPABILITIES: u32 = 1 << CAP_KILL;

/// `CAP_KILL`.
const CAP_KILL: u32 = 5;

/// The system calls below, those that return from them, and the one that closes its last descriptors: its filter lets
/// through nothing else.
pub(crate) const CALLS: &[i64] = &[
    libc::SYS_rt_sigtimedwait,
    libc::SYS_wait4,
    libc::SYS_kill,
    libc::SYS_exit_group,
    libc::SYS_close_range,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
];

/// How long it waits for a process that somebody else has to reap: the first of the sandbox is the warden's child.
const PAUSE: Duration = Duration::from_millis(1);

/// Whether it has reaped anybody.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reaped {
    Nobody,
    Somebody,
}

/// Reaps until it is asked to end the sandbox, and ends it.
pub(crate) fn serve() -> ! {
    let mut reaped = Reaped::Nobody;
    while next_signal(None) != Ok(libc::SIGTERM) {
        while let Ok(1..) = wait(libc::WNOHANG) {
            reaped = Reaped::Somebody;
        }
    }
    // Atomic: the kernel lets no fork pass by. It finds nobody when everybody is reaped, and looks at everybody each time.
    while kill_everybody() != Err(Errno::ESRCH) {
        if wait(0).is_err() {
            // Nobody of its own. There may be one by the time that the others are gone.
            let _ = next_signal(Some(PAUSE));
            continue;
        }
        reaped = Reaped::Somebody;
        while let Ok(1..) = wait(0) {}
    }
    // SAFETY: needed since child-side code keeps to system calls; it has no preconditions.
    unsafe { libc::_exit(libc::c_int::from(reaped == Reaped::Somebody)) }
}

/// Takes `SIGCHLD` or `SIGTERM`, and waits for one no longer than this, which is less than a second. See `sigtimedwait(2)`.
fn next_signal(longest: Option<Duration>) -> Result<libc::c_int, Errno> {
    let time = longest.map(|time| libc::timespec { tv_sec: 0, tv_nsec: time.subsec_nanos().into() });
    let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let mut signals = MaybeUninit::uninit();
    // SAFETY: needed since libc's sets are opaque. The first call initialises the whole set, the others change and read it;
    // nothing is asked about the signal but its number, and the time is null or lives through the call.
    Errno::result(unsafe {
        libc::sigemptyset(signals.as_mut_ptr());
        libc::sigaddset(signals.as_mut_ptr(), libc::SIGCHLD);
        libc::sigaddset(signals.as_mut_ptr(), libc::SIGTERM);
        libc::sigtimedwait(signals.as_ptr(), std::ptr::null_mut(), time)
    })
}

/// Reaps a child of any kind. See `waitpid(2)`.
fn wait(flags: libc::c_int) -> Result<libc::pid_t, Errno> {
    // SAFETY: needed since child-side code keeps to system calls. Neither status nor usage is asked for.
    Errno::result(unsafe {
        libc::wait4(-1, std::ptr::null_mut(), flags | libc::__WALL, std::ptr::null_mut())
    })
}

/// Everybody in the namespace but this process. See `kill(2)`.
fn kill_everybody() -> Result<(), Errno> {
    // SAFETY: needed since child-side code keeps to system calls; it has no preconditions.
    Errno::result(unsafe { libc::kill(-1, libc::SIGKILL) }).map(drop)
}
