//! What a freeze refuses, and what is left when it fails in the middle: a process that works.

use std::os::fd::{AsFd, OwnedFd};
use std::ptr;
use std::sync::mpsc::channel;
use std::thread;

use libtest_mimic::Trial;
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use zeroboot_fork::Way;
use zeroboot_fork::freeze::{FreezeError, Frozen, SkipReason, StandstillError, freeze};

use super::layout::{PAGE, map};
use super::{MIB, READ_WRITE, resident, status};
use crate::common::{Skip, Verdict, code_of, plan, trial};
use crate::descriptors::own;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("freeze: not beside another thread", threads),
        trial("freeze: not with an io_uring", io_uring),
        trial("freeze: limits on memory that are not exceeded do not matter", memory_limits),
        trial("freeze: a limit on files is told before its signal comes", file_limit),
        trial("freeze: too few descriptors", descriptors),
        trial("freeze: a refused mapping leaves memory as it was", refused_mapping),
        trial("freeze: a refused copy leaves memory as it was", refused_copy),
        trial("freeze: a refused seal is told", refused_seal),
        trial("freeze: what was cut off its file is left alone", cut),
    ]
}

fn threads() -> Verdict {
    let (end, wait) = channel::<()>();
    let worker = thread::spawn(move || {
        wait.recv().expect_err("the other side is dropped");
    });
    let error = freeze().expect_err("two threads");
    assert!(
        matches!(&error, FreezeError::Standstill(StandstillError::Threads(threads)) if threads.len() == 2),
        "{error:?}"
    );
    drop(end);
    worker.join().expect("its end");
    freeze().expect("one thread");
    Ok(())
}

fn io_uring() -> Verdict {
    let mut parameters = [0_u32; 30];
    // SAFETY: the parameters are valid for reading and writing, and as long as the kernel's structure.
    let made = own(unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, &raw mut parameters) });
    let ring: OwnedFd = made.map_err(|error| Skip(format!("cannot make an io_uring: {error}")))?;
    assert!(matches!(freeze(), Err(FreezeError::Standstill(StandstillError::KernelWrites))));
    let mapping = map(ptr::null_mut(), 1, READ_WRITE, libc::MAP_SHARED, Some(&ring));
    drop(ring);
    assert!(
        matches!(freeze(), Err(FreezeError::Standstill(StandstillError::KernelWrites))),
        "the mapping keeps it"
    );
    // SAFETY: made above, and not used after it.
    unsafe { libc::munmap(mapping.cast(), PAGE) };
    freeze().expect("no ring");
    Ok(())
}

/// Memory with a number a page.
struct Numbered(*mut u8, usize);

impl Numbered {
    fn new(pages: usize) -> Self {
        let memory = Self(resident(pages * PAGE), pages);
        for page in 0..pages {
            // SAFETY: inside the mapping.
            unsafe { memory.0.add(page * PAGE).cast::<usize>().write_volatile(page) };
        }
        memory
    }

    fn check(&self) {
        for page in 0..self.1 {
            // SAFETY: inside the mapping.
            assert_eq!(unsafe { self.0.add(page * PAGE).cast::<usize>().read_volatile() }, page);
        }
    }

    /// This process works, and so do its children.
    fn works(&self) {
        self.check();
        let code = code_of(&plan(Way::Clone3), || {
            self.check();
            u8::try_from(vec![1_u8; 100_000].len() / 1000).unwrap_or_default()
        });
        assert_eq!(code, 100);
    }
}

/// What is mapped in place of other memory counts once.
fn memory_limits() -> Verdict {
    let memory = Numbered::new(64 * MIB / PAGE);
    for (limit, key) in [(Resource::RLIMIT_AS, "VmSize"), (Resource::RLIMIT_DATA, "VmData")] {
        let (_, hard) = getrlimit(limit).expect("a limit");
        // For the lists of the freeze.
        let most = status(key) * 1024 + 4 * MIB as u64;
        setrlimit(limit, most, hard).expect("a lower limit");
    }
    assert!(freeze().expect("frozen").written >= 64 * MIB as u64);
    memory.works();
    Ok(())
}

fn file_limit() -> Verdict {
    let memory = Numbered::new(16 * MIB / PAGE);
    let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE).expect("a limit");
    setrlimit(Resource::RLIMIT_FSIZE, MIB as u64, hard).expect("a lower limit");
    match freeze() {
        Err(error @ FreezeError::Grow { errno: Errno::EFBIG, .. }) => {
            assert!(error.to_string().contains("RLIMIT_FSIZE"), "{error}");
            let FreezeError::Grow { frozen, .. } = error else { unreachable!() };
            assert!(frozen.bytes <= MIB as u64, "{frozen:?}");
        }
        other => panic!("{other:?}"),
    }
    memory.works();
    setrlimit(Resource::RLIMIT_FSIZE, hard, hard).expect("the old limit");
    assert!(freeze().expect("frozen").written >= 16 * MIB as u64);
    memory.works();
    Ok(())
}

/// With each number of descriptors but enough of them.
fn descriptors() -> Verdict {
    let memory = Numbered::new(64);
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    let mut refusals = 0;
    for few in 3..20 {
        setrlimit(Resource::RLIMIT_NOFILE, few, hard).expect("another limit");
        match freeze() {
            Ok(_) => break,
            Err(error) => {
                let told = format!("{error:?}");
                assert!(
                    told.contains("EMFILE") || told.contains("os error 24") || told.contains("code: 24"),
                    "{told}"
                );
                refusals += 1;
            }
        }
        memory.check();
    }
    assert!((1..16).contains(&refusals), "{refusals}");
    memory.works();
    Ok(())
}

/// From now on this call fails with this error, if the argument with this index has this value.
fn refuse(call: libc::c_long, argument: u32, value: usize, errno: Errno) {
    // `BPF_LD | BPF_W | BPF_ABS`, `BPF_JMP | BPF_JEQ | BPF_K`, `BPF_RET | BPF_K`
    const LOAD: u16 = 0x20;
    const IS: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let step = |code, jf, k| libc::sock_filter { code, jt: 0, jf, k };
    // `struct seccomp_data`: the call's number at 0, the arguments from 16, the lower half of each first (on a
    // little-endian machine).
    let place = 16 + argument * 8;
    let half = |bits: usize| u32::try_from(bits & 0xffff_ffff).expect("32 bits");
    let mut program = [
        step(LOAD, 0, 0),
        step(IS, 5, u32::try_from(call).expect("a number")),
        step(LOAD, 0, place),
        step(IS, 3, half(value)),
        step(LOAD, 0, place + 4),
        step(IS, 1, half(value >> 32)),
        step(RETURN, 0, libc::SECCOMP_RET_ERRNO | errno as u32),
        step(RETURN, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let length = u16::try_from(program.len()).expect("few");
    let program = libc::sock_fprog { len: length, filter: program.as_mut_ptr() };
    // SAFETY: the program lives through the call, and has as many steps as it says.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let result = libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program);
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    }
}

/// Memory the middle of which has another protection, so that it is a mapping of its own: the place where the calls
/// fail.
fn with_a_middle() -> (Numbered, *mut u8) {
    let memory = Numbered::new(96);
    // SAFETY: inside the mapping.
    let middle = unsafe { memory.0.add(32 * PAGE) };
    // SAFETY: within the mapping, which is only read from now on.
    assert_eq!(unsafe { libc::mprotect(middle.cast(), 32 * PAGE, libc::PROT_READ) }, 0);
    (memory, middle)
}

/// Something was moved, and nothing from the middle on.
fn stopped_before(middle: *mut u8, frozen: &Frozen) {
    assert!(frozen.bytes >= (32 * PAGE) as u64, "{frozen:?}");
    let maps = std::fs::read_to_string("/proc/self/maps").expect("maps");
    let line = |start: usize| {
        let start = format!("{start:x}-");
        maps.lines().find(|line| line.starts_with(&start)).unwrap_or_default().to_owned()
    };
    assert!(!line(middle.addr()).contains("memfd"), "{maps}");
    assert!(!line(middle.addr() + 32 * PAGE).contains("memfd"), "{maps}");
    assert!(maps.contains("/memfd:zeroboot-frozen"), "{maps}");
}

fn refused_mapping() -> Verdict {
    let (memory, middle) = with_a_middle();
    refuse(libc::SYS_mmap, 0, middle.addr(), Errno::ENOMEM);
    match freeze() {
        Err(error @ FreezeError::Swap { errno: Errno::ENOMEM, .. }) => {
            assert!(error.to_string().contains("vm.max_map_count"), "{error}");
            let FreezeError::Swap { frozen, .. } = error else { unreachable!() };
            stopped_before(middle, &frozen);
        }
        other => panic!("{other:?}"),
    }
    memory.works();
    Ok(())
}

fn refused_copy() -> Verdict {
    let (memory, middle) = with_a_middle();
    refuse(libc::SYS_pwrite64, 1, middle.addr(), Errno::ENOSPC);
    match freeze() {
        Err(FreezeError::Copy { errno: Errno::ENOSPC, frozen }) => stopped_before(middle, &frozen),
        other => panic!("{other:?}"),
    }
    memory.works();
    Ok(())
}

fn refused_seal() -> Verdict {
    let memory = Numbered::new(64);
    let seals = usize::try_from(libc::F_ADD_SEALS).expect("a number");
    refuse(libc::SYS_fcntl, 1, seals, Errno::EPERM);
    match freeze() {
        Err(FreezeError::Seal { errno: Errno::EPERM, frozen }) => {
            assert!(frozen.written >= (64 * PAGE) as u64, "{frozen:?}");
        }
        other => panic!("{other:?}"),
    }
    memory.works();
    Ok(())
}

fn cut() -> Verdict {
    const PAGES: usize = 4;
    let file = tempfile::tempfile().expect("a file");
    file.set_len((PAGES * PAGE) as u64).expect("room");
    let file = OwnedFd::from(file);
    let start = map(ptr::null_mut(), PAGES, READ_WRITE, libc::MAP_PRIVATE, Some(&file));
    // SAFETY: inside the mapping.
    unsafe { start.write_volatile(5) };
    // The kernel takes from a private mapping what it has of the cut pages, and keeps the first, which is not cut.
    nix::unistd::ftruncate(file.as_fd(), PAGE as i64).expect("shorter");
    let frozen = freeze().expect("frozen");
    let skipped = frozen.skipped.iter().find(|skipped| skipped.start == start.addr() as u64);
    assert_eq!(skipped.expect("left alone").reason, SkipReason::ReadFailed);
    // SAFETY: the first page is there.
    assert_eq!(unsafe { start.read_volatile() }, 5);
    Ok(())
}
