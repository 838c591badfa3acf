//! What a fork leaves stale or pending: the thread's id, the robust list, handlers, masks, timers.

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

use libtest_mimic::Trial;
use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use zeroboot_fork::{
    ExitStatus, ForkOptions, ForkPlan, Forked, SignalHandlers, StepFailure, StepId, Way, ignore_none, leave,
    monotonic_ns,
};

use crate::common::{Verdict, both_ways, code_of, plan, trial};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = [
        both_ways("a mutex knows its owner in the child", mutex_owner),
        both_ways("a robust mutex survives its owner's death", robust_mutex),
        both_ways("handlers stay or are cleared", handlers),
        both_ways("signals are blocked in the hook and the mask is back in the body", masks),
        both_ways("a timer shorter than the fork disturbs neither it nor start nor end", timer),
    ]
    .into_iter()
    .flatten()
    .collect();
    trials.push(trial("what was ignored at the start is so no longer", ignored));
    trials.push(trial("control: a raw clone leaves the thread's id stale", raw_clone));
    trials
}

/// A mutex of libc in memory shared with children.
struct Mutex(*mut libc::pthread_mutex_t);

impl Mutex {
    fn new(configure: impl FnOnce(*mut libc::pthread_mutexattr_t)) -> Self {
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: fresh memory that is zero and never unmapped; the attributes are made before they are used.
        unsafe {
            let memory = libc::mmap(
                ptr::null_mut(),
                size_of::<libc::pthread_mutex_t>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            assert_ne!(memory, libc::MAP_FAILED);
            assert_eq!(libc::pthread_mutexattr_init(attributes.as_mut_ptr()), 0);
            configure(attributes.as_mut_ptr());
            let mutex = memory.cast();
            assert_eq!(libc::pthread_mutex_init(mutex, attributes.as_ptr()), 0);
            Self(mutex)
        }
    }

    fn checking() -> Self {
        // SAFETY: `new` hands out attributes that exist.
        Self::new(|attributes| unsafe {
            libc::pthread_mutexattr_settype(attributes, libc::PTHREAD_MUTEX_ERRORCHECK);
        })
    }

    fn robust() -> Self {
        // SAFETY: `new` hands out attributes that exist.
        Self::new(|attributes| unsafe {
            libc::pthread_mutexattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED);
            libc::pthread_mutexattr_setrobust(attributes, libc::PTHREAD_MUTEX_ROBUST);
        })
    }

    fn lock(&self) -> Errno {
        // SAFETY: an initialised mutex.
        Errno::from_raw(unsafe { libc::pthread_mutex_lock(self.0) })
    }

    fn try_lock(&self) -> Errno {
        // SAFETY: an initialised mutex.
        Errno::from_raw(unsafe { libc::pthread_mutex_trylock(self.0) })
    }

    fn unlock(&self) -> Errno {
        // SAFETY: an initialised mutex; one that checks for errors refuses to be unlocked by another thread.
        Errno::from_raw(unsafe { libc::pthread_mutex_unlock(self.0) })
    }

    /// Where glibc keeps it: the third word.
    fn owner(&self) -> i32 {
        // SAFETY: within the mutex.
        unsafe { self.0.cast::<i32>().add(2).read_volatile() }
    }
}

const FINE: Errno = Errno::UnknownErrno;

fn own_id() -> i32 {
    nix::unistd::gettid().as_raw()
}

fn mutex_owner(way: Way) -> Verdict {
    let (of_parent, of_child) = (Mutex::checking(), Mutex::checking());
    assert_eq!(of_parent.lock(), FINE);
    let code = code_of(&plan(way), || {
        assert_eq!(of_child.lock(), FINE);
        #[cfg(target_env = "gnu")]
        assert_eq!(of_child.owner(), own_id());
        assert_eq!(of_child.lock(), Errno::EDEADLK, "its own");
        assert_eq!(of_parent.unlock(), Errno::EPERM, "another's");
        assert_eq!(of_child.unlock(), FINE);
        0
    });
    assert_eq!(code, 0);
    Ok(())
}

fn raw_clone() -> Verdict {
    let mutex = Mutex::checking();
    let flags = libc::SIGCHLD;
    // SAFETY: one thread, no new stack; the child leaves by `_exit`.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    assert!(pid >= 0);
    if pid == 0 {
        mutex.lock();
        leave(u8::from(mutex.owner() != own_id()));
    }
    let mut status = 0;
    // SAFETY: `status` is valid for writing.
    unsafe { libc::wait4(-1, &raw mut status, 0, ptr::null_mut()) };
    let stale = libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 1;
    if cfg!(target_env = "gnu") {
        assert!(stale, "the C library repairs it by itself: then the engine need not");
    }
    Ok(())
}

/// The control is a child that skips its repairs: with `clone3` its mutex stays locked for ever.
fn robust_mutex(way: Way) -> Verdict {
    let plan = plan(way);
    for repaired in [false, true] {
        let mutex = Mutex::robust();
        match plan.fork().expect("a child") {
            Forked::Child(fresh) => {
                if repaired {
                    fresh.repair().expect("repairs");
                }
                mutex.lock();
                leave(0);
            }
            Forked::Parent(mut child) => {
                assert_eq!(child.wait().expect("its end").status, ExitStatus::Exited(0))
            }
        }
        let orphaned = if repaired || way == Way::Libc { Errno::EOWNERDEAD } else { Errno::EBUSY };
        assert_eq!(mutex.try_lock(), orphaned, "repaired: {repaired}");
    }
    Ok(())
}

extern "C" fn ignore(_: libc::c_int) {
    TICKS.fetch_add(1, Ordering::Relaxed);
}

static TICKS: AtomicU32 = AtomicU32::new(0);

fn handle(signal: Signal, handler: SigHandler) {
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler only adds to an atomic number.
    unsafe { sigaction(signal, &action) }.expect("a handler");
}

fn disposition(signal: Signal) -> usize {
    // SAFETY: an all-zero value is a valid sigaction; a null new action only asks.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        assert_eq!(libc::sigaction(signal as i32, ptr::null(), &raw mut action), 0);
        action.sa_sigaction
    }
}

fn handlers(way: Way) -> Verdict {
    handle(Signal::SIGUSR1, SigHandler::Handler(ignore));
    handle(Signal::SIGUSR2, SigHandler::SigIgn);
    let dispositions = |signals: SignalHandlers| {
        let plan = ForkPlan::prepare(ForkOptions { way, signals, ..ForkOptions::default() }).expect("a plan");
        let is_default = |signal| u8::from(disposition(signal) == libc::SIG_DFL);
        code_of(&plan, || is_default(Signal::SIGUSR1) * 10 + is_default(Signal::SIGUSR2))
    };
    assert_eq!(dispositions(SignalHandlers::Keep), 0);
    // The kernel leaves ignored signals ignored.
    let cleared = if way == Way::Clone3 { 10 } else { 11 };
    assert_eq!(dispositions(SignalHandlers::Clear), cleared);
    assert_ne!(disposition(Signal::SIGUSR1), libc::SIG_DFL, "the parent keeps its own");
    Ok(())
}

fn ignored() -> Verdict {
    handle(Signal::SIGUSR1, SigHandler::Handler(ignore));
    handle(Signal::SIGUSR2, SigHandler::SigIgn);
    handle(Signal::SIGPIPE, SigHandler::SigIgn);
    ignore_none().expect("dispositions can be set");
    assert_ne!(disposition(Signal::SIGUSR1), libc::SIG_DFL, "a handler stays");
    assert_eq!(disposition(Signal::SIGUSR2), libc::SIG_DFL);
    assert_eq!(disposition(Signal::SIGPIPE), libc::SIG_IGN, "Rust's own");
    Ok(())
}

fn masks(way: Way) -> Verdict {
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGUSR2);
    mask.thread_set_mask().expect("a mask");
    let current = || SigSet::thread_get_mask().expect("the mask");
    let hook = || {
        let (before, all) = (current(), [Signal::SIGTERM, Signal::SIGALRM, Signal::SIGUSR1, Signal::SIGINT]);
        if all.into_iter().all(|signal| before.contains(signal)) {
            Ok(())
        } else {
            Err(StepFailure::new(StepId(100), Errno::EINVAL))
        }
    };
    let mut child = plan(way).spawn(&hook, || u8::from(current() == mask)).expect("all blocked in the hook");
    assert_eq!(child.wait().expect("its end").status, ExitStatus::Exited(1), "restored in the body");
    assert_eq!(current(), mask, "restored in the parent");
    Ok(())
}

/// 256 MiB in small pages take longer to fork than the timer's 1 ms; hook and body last several ticks as well, so that
/// the parent is interrupted (the handler asks for no restart) while it waits for the start and for the end.
fn timer(way: Way) -> Verdict {
    const SIZE: usize = 256 << 20;
    let large = small_pages(SIZE);
    handle(Signal::SIGALRM, SigHandler::Handler(ignore));
    let period = libc::timeval { tv_sec: 0, tv_usec: 1000 };
    let timer = libc::itimerval { it_interval: period, it_value: period };
    // SAFETY: the timer is valid for reading; the old one is not asked for.
    let result = unsafe {
        libc::syscall(libc::SYS_setitimer, libc::ITIMER_REAL, &raw const timer, ptr::null_mut::<()>())
    };
    assert_eq!(result, 0);
    while TICKS.load(Ordering::Relaxed) == 0 {
        std::hint::spin_loop();
    }
    let plan = plan(way);
    let hook = || {
        spin();
        Ok(())
    };
    for _ in 0..5 {
        let body = || {
            spin();
            // SAFETY: the last byte of a mapping that stays.
            unsafe { large.add(SIZE - 1).read() }
        };
        let mut child = plan.spawn(&hook, body).expect("a child");
        assert_eq!(child.wait().expect("its end").status, ExitStatus::Exited(1));
    }
    Ok(())
}

/// For 5 ms.
fn spin() {
    let start = monotonic_ns();
    while monotonic_ns() < start + 5_000_000 {}
}

/// Memory of small pages, every byte of which is 1. It ends with the process.
fn small_pages(size: usize) -> *const u8 {
    // SAFETY: a fresh mapping of this size, filled before anybody reads it.
    unsafe {
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        let memory = libc::mmap(ptr::null_mut(), size, access, kind, -1, 0);
        assert_ne!(memory, libc::MAP_FAILED);
        libc::madvise(memory, size, libc::MADV_NOHUGEPAGE);
        memory.cast::<u8>().write_bytes(1, size);
        memory.cast()
    }
}
