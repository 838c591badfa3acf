//! The audit of threads, memory, timers and rings; descriptors have a module of their own.

use std::fs::File;
use std::io::pipe;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;
use std::ptr;
use std::sync::mpsc::channel;
use std::thread;

use libtest_mimic::Trial;
use zeroboot_fork::Way;
use zeroboot_fork::audit::{Finding, ThreadRemedy, TimerKind, audit};

use crate::common::{Skip, Verdict, code_of, plan, trial};
use crate::descriptors::own;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("audit: a thread is named", thread_is_named),
        trial("audit: a library is known by its variable", library),
        trial("audit: shared memory is found, and is a channel between siblings", shared_memory),
        trial("audit: shared memory that no child inherits is no finding", not_inherited),
        trial("audit: a POSIX timer is found", posix_timer),
        trial("audit: an alarm is found", alarm),
        trial("audit: an io_uring is found once, by descriptor and by mapping", io_uring),
        trial("audit: several findings have a line each", several),
        trial("audit: without /proc there is no answer", without_proc),
    ];
    for (which, kind) in [
        (libc::ITIMER_REAL, TimerKind::Real),
        (libc::ITIMER_VIRTUAL, TimerKind::Virtual),
        (libc::ITIMER_PROF, TimerKind::Prof),
    ] {
        trials.push(trial(format!("audit: {kind} is found"), move || interval_timer(which, kind)));
    }
    trials
}

fn findings() -> Vec<Finding> {
    audit(&[]).expect("a report").findings
}

/// Runs `body` while there is a second thread, which waits for nothing but its end.
fn beside_a_thread<T>(worker: thread::Builder, body: impl FnOnce() -> T) -> T {
    let (end, wait) = channel::<()>();
    let (start, started) = channel();
    let worker = worker.spawn(move || {
        start.send(()).expect("somebody waits");
        wait.recv().expect_err("the other side is dropped");
    });
    started.recv().expect("a start: from now on it has its name");
    let result = body();
    drop(end);
    worker.expect("a thread").join().expect("its end");
    result
}

fn thread_is_named() -> Verdict {
    assert_eq!(findings(), [], "before");
    let worker = thread::Builder::new().name("blas worker".to_owned());
    let report = beside_a_thread(worker, || audit(&[])).expect("a report");
    let [Finding::Threads { threads, remedies }] = &report.findings[..] else { panic!("{report:?}") };
    assert_eq!(threads.len(), 1, "{threads:?}");
    assert_ne!(threads[0].tid, std::process::id(), "not the one that asks");
    assert_eq!((threads[0].name.as_str(), &remedies[..]), ("blas worker", &[ThreadRemedy::Join][..]));
    let text = report.to_string();
    assert!(text.contains("1 other thread ") && text.contains("blas worker ("), "{text}");
    assert!(text.contains("start them after the fork"), "{text}");
    assert_eq!(findings(), [], "joined");
    Ok(())
}

/// A library is known by its file's name; this one has that name and nothing else.
fn library() -> Verdict {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, variable) in [
        ("libopenblas64_p-r0.3.29.so", "OPENBLAS_NUM_THREADS"),
        ("libgomp.so.1", "OMP_NUM_THREADS"),
        ("libmkl_core.so.2", "MKL_NUM_THREADS"),
    ] {
        let path = directory.path().join(name);
        std::fs::write(&path, [1; 64]).expect("a file");
        let file = File::open(&path).expect("a file");
        let mapping = Mapping::new(libc::MAP_PRIVATE, Some(file.as_fd()));
        assert_eq!(findings(), [], "a library without threads does no harm");
        let named = thread::Builder::new().name("Thread-1 (work)".to_owned());
        for (worker, expected) in [
            // Named as the program, as a library's are that gives them no name.
            (thread::Builder::new(), format!("set {variable}=1 in the template's environment")),
            (named, "join them before the end of the warm-up".to_owned()),
        ] {
            let report = beside_a_thread(worker, || audit(&[])).expect("a report");
            assert!(report.to_string().contains(&expected), "{report}");
        }
        drop(mapping);
    }
    Ok(())
}

/// A page, readable and writable.
struct Mapping(*mut u8);

impl Mapping {
    const SIZE: usize = 4096;

    fn new(sharing: libc::c_int, file: Option<BorrowedFd<'_>>) -> Self {
        let anonymous = if file.is_some() { 0 } else { libc::MAP_ANONYMOUS };
        let fd = file.map_or(-1, |file| file.as_raw_fd());
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a fresh mapping, at an address that the kernel chooses.
        let address = unsafe { libc::mmap(ptr::null_mut(), Self::SIZE, access, sharing | anonymous, fd, 0) };
        assert_ne!(address, libc::MAP_FAILED, "{}", std::io::Error::last_os_error());
        Self(address.cast())
    }

    fn set(&self, value: u8) {
        // SAFETY: within the mapping; another process may write as well, so volatile.
        unsafe { self.0.write_volatile(value) }
    }

    fn get(&self) -> u8 {
        // SAFETY: as above.
        unsafe { self.0.read_volatile() }
    }

    fn advise(&self, advice: libc::c_int) {
        // SAFETY: exactly this mapping; the advices given here change no content.
        assert_eq!(unsafe { libc::madvise(self.0.cast(), Self::SIZE, advice) }, 0);
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: made by this value, and not used after it.
        unsafe { libc::munmap(self.0.cast(), Self::SIZE) };
    }
}

/// One child writes, its sibling reads.
fn is_channel(mapping: &Mapping) -> bool {
    let plan = plan(Way::Clone3);
    mapping.set(0);
    let wrote = code_of(&plan, || {
        mapping.set(42);
        mapping.get()
    });
    assert_eq!(wrote, 42);
    code_of(&plan, || mapping.get()) == 42
}

fn shared_memory() -> Verdict {
    let private = Mapping::new(libc::MAP_PRIVATE, None);
    assert_eq!(findings(), [], "the control");
    assert!(!is_channel(&private), "the control");

    let shared = Mapping::new(libc::MAP_SHARED, None);
    assert!(is_channel(&shared));
    let report = audit(&[]).expect("a report");
    let [Finding::SharedMapping { start, end, name }] = &report.findings[..] else { panic!("{report:?}") };
    assert_eq!((*start, end - start), (shared.0 as u64, Mapping::SIZE as u64));
    assert_eq!(name, "/dev/zero (deleted)");
    assert!(report.to_string().contains("unmap it"), "{report}");
    drop(shared);
    assert_eq!(findings(), [], "unmapped");

    let file = tempfile::tempfile().expect("a file");
    file.set_len(Mapping::SIZE as u64).expect("room");
    let of_file = Mapping::new(libc::MAP_SHARED, Some(file.as_fd()));
    let expected = audit(&[file.as_fd()]).expect("a report").findings;
    assert!(matches!(&expected[..], [Finding::SharedMapping { .. }]), "the memory stays one: {expected:?}");
    drop((of_file, file));
    assert_eq!(findings(), []);
    Ok(())
}

fn not_inherited() -> Verdict {
    let shared = Mapping::new(libc::MAP_SHARED, None);
    shared.advise(libc::MADV_DONTFORK);
    assert_eq!(findings(), []);
    shared.advise(libc::MADV_DOFORK);
    assert!(matches!(&findings()[..], [Finding::SharedMapping { .. }]), "the control");
    Ok(())
}

/// Far enough away never to fire.
const AN_HOUR: libc::time_t = 3600;

fn interval_timer(which: libc::c_int, kind: TimerKind) -> Verdict {
    let set = |seconds| {
        let timer = libc::itimerval {
            it_interval: libc::timeval { tv_sec: 0, tv_usec: 0 },
            it_value: libc::timeval { tv_sec: seconds, tv_usec: 0 },
        };
        // SAFETY: the timer is valid for reading; the old one is not asked for.
        let result =
            unsafe { libc::syscall(libc::SYS_setitimer, which, &raw const timer, ptr::null_mut::<()>()) };
        assert_eq!(result, 0);
    };
    assert_eq!(findings(), [], "before");
    set(AN_HOUR);
    let report = audit(&[]).expect("a report");
    assert_eq!(report.findings, [Finding::Timer { kind }]);
    assert!(report.to_string().contains("disarm it"), "{report}");
    set(0);
    assert_eq!(findings(), [], "disarmed");
    Ok(())
}

fn alarm() -> Verdict {
    // SAFETY: no memory is passed.
    unsafe { libc::alarm(3600) };
    assert_eq!(findings(), [Finding::Timer { kind: TimerKind::Real }]);
    // SAFETY: no memory is passed.
    unsafe { libc::alarm(0) };
    assert_eq!(findings(), []);
    Ok(())
}

fn posix_timer() -> Verdict {
    if !Path::new("/proc/self/timers").exists() {
        return Err(Skip("this kernel has no /proc/self/timers".to_owned()));
    }
    assert_eq!(findings(), [], "before");
    // SAFETY: a zeroed event is a valid one (a signal, numbered below); the timer is valid for writing.
    let timer = unsafe {
        let mut event: libc::sigevent = std::mem::zeroed();
        event.sigev_notify = libc::SIGEV_SIGNAL;
        event.sigev_signo = libc::SIGUSR1;
        let mut timer: libc::timer_t = ptr::null_mut();
        assert_eq!(libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer), 0);
        timer
    };
    let report = audit(&[]).expect("a report");
    assert!(matches!(report.findings[..], [Finding::Timer { kind: TimerKind::Posix { .. } }]), "{report:?}");
    // SAFETY: made above, and not used after it.
    assert_eq!(unsafe { libc::timer_delete(timer) }, 0);
    assert_eq!(findings(), [], "deleted");
    Ok(())
}

fn io_uring() -> Verdict {
    const ENTRIES: libc::c_uint = 1;
    let mut parameters = [0_u32; 30];
    // SAFETY: the parameters are valid for reading and writing, and as long as the kernel's structure.
    let made = own(unsafe { libc::syscall(libc::SYS_io_uring_setup, ENTRIES, &raw mut parameters) });
    let ring = made.map_err(|error| Skip(format!("cannot make an io_uring: {error}")))?;
    let rings = |fds: &[i32], mappings| [Finding::IoUring { fds: fds.to_vec(), mappings }];
    assert_eq!(findings(), rings(&[ring.as_raw_fd()], 0));
    let mapping = Mapping::new(libc::MAP_SHARED, Some(ring.as_fd()));
    let report = audit(&[]).expect("a report");
    assert_eq!(report.findings, rings(&[ring.as_raw_fd()], 1));
    assert!(report.to_string().contains("tear it down"), "{report}");
    drop(ring);
    assert_eq!(findings(), rings(&[], 1), "the mapping keeps the ring");
    drop(mapping);
    assert_eq!(findings(), []);
    Ok(())
}

fn several() -> Verdict {
    let (reader, writer) = pipe().expect("a pipe");
    let shared = Mapping::new(libc::MAP_SHARED, None);
    let report = beside_a_thread(thread::Builder::new(), || audit(&[])).expect("a report");
    assert_eq!(report.findings.len(), 4, "{report}");
    assert_eq!(report.to_string().lines().count(), 4, "{report}");
    drop((reader, writer, shared));
    let safe = audit(&[]).expect("a report");
    assert!(safe.is_safe() && safe.to_string().is_empty());
    Ok(())
}

/// In a tree that is one empty directory.
fn without_proc() -> Verdict {
    let directory = tempfile::tempdir().expect("a directory");
    let code = code_of(&plan(Way::Clone3), || {
        if nix::unistd::chroot(directory.path()).is_err() {
            return 2;
        }
        let error = audit(&[]).expect_err("no answer").to_string();
        u8::from(error.contains("mount /proc"))
    });
    match code {
        2 => Err(Skip("an ordinary user cannot hide /proc by chroot".to_owned())),
        code => {
            assert_eq!(code, 1);
            Ok(())
        }
    }
}
