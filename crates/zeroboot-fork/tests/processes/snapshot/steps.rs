//! Steps of the child that the kernel refuses: a system-call filter answers for it.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use libtest_mimic::Trial;
use nix::errno::Errno;
use nix::sys::prctl::set_no_new_privs;
use nix::sys::resource::{Resource, setrlimit};
use zeroboot_fork::snapshot::{Priority, Replaced, Snapshot, SnapshotError, SnapshotOptions, SnapshotWriter};
use zeroboot_fork::{ExitStatus, StepFailure, StepId};

use super::Place;
use crate::common::{Verdict, trial};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("snapshot: a disk that fails is told, and which content is there", sync),
        trial("snapshot: killed when the file is in its place, the new content is told", killed_at_the_end),
        trial("snapshot: a child that cannot be set up is told by its step", set_up),
    ]
}

/// Has this process, and what it forks, get this answer to a call, with this first argument if one is said.
fn answer(call: libc::c_long, argument: Option<u32>, answer: u32) -> io::Result<()> {
    /// Of `seccomp_data`: the number of the call, and the low half of the first argument.
    const CALL: u32 = 0;
    const ARGUMENT: u32 = if cfg!(target_endian = "little") { 16 } else { 20 };
    let load = |offset| libc::sock_filter { code: 0x20, jt: 0, jf: 0, k: offset };
    let unless_equal_skip = |value, count| libc::sock_filter { code: 0x15, jt: 0, jf: count, k: value };
    let end = |answer| libc::sock_filter { code: 0x06, jt: 0, jf: 0, k: answer };
    let call = u32::try_from(call).map_err(io::Error::other)?;
    let mut filter = vec![load(CALL)];
    match argument {
        Some(value) => {
            filter.extend([unless_equal_skip(call, 3), load(ARGUMENT), unless_equal_skip(value, 1)]);
        }
        None => filter.push(unless_equal_skip(call, 1)),
    }
    filter.extend([end(answer), end(libc::SECCOMP_RET_ALLOW)]);
    set_no_new_privs()?;
    let program = libc::sock_fprog {
        len: filter.len().try_into().map_err(io::Error::other)?,
        filter: filter.as_mut_ptr(),
    };
    let (mode, no_flags) = (libc::SECCOMP_SET_MODE_FILTER, 0);
    // SAFETY: the program is valid for reading, and has the length that it says.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, mode, no_flags, &raw const program) };
    Errno::result(result)?;
    Ok(())
}

fn error(errno: Errno) -> u32 {
    libc::SECCOMP_RET_ERRNO | (errno as i32).unsigned_abs()
}

/// The number by which this process has the file or directory open.
fn number_of(path: &Path) -> io::Result<u32> {
    for entry in fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        if fs::read_link(entry.path()).is_ok_and(|leads_to| leads_to == path) {
            return entry.file_name().to_string_lossy().parse().map_err(io::Error::other);
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

/// What a snapshot fails with in whose child `fsync` of this is answered so.
fn failure_of_sync(place: &Place, of: &Path, with: u32) -> SnapshotError {
    let mut snapshot = place.start(|out| {
        out.write_all(b"new")?;
        answer(libc::SYS_fsync, Some(number_of(of)?), with)
    });
    let error = snapshot.wait().expect_err("a failure");
    place.assert_tidy();
    error
}

fn sync() -> Verdict {
    let place = Place::with(b"old");
    let told = failure_of_sync(&place, &place.path().join(".state.snapshot"), error(Errno::EIO));
    assert_eq!(told, SnapshotError::Sync { errno: Errno::EIO });
    assert_eq!(place.content(), b"old");

    let told = failure_of_sync(&place, place.path(), error(Errno::EIO));
    assert_eq!(told, SnapshotError::SyncDirectory(Errno::EIO));
    assert_eq!(place.content(), b"new");
    Ok(())
}

fn killed_at_the_end() -> Verdict {
    setrlimit(Resource::RLIMIT_CORE, 0, 0).expect("a limit");
    let place = Place::with(b"old");
    let told = failure_of_sync(&place, place.path(), libc::SECCOMP_RET_KILL_PROCESS);
    let SnapshotError::Ended { status: Some(ExitStatus::Signaled { signal, .. }), replaced } = told else {
        panic!("{told}")
    };
    assert_eq!((signal, replaced), (libc::SIGSYS, Replaced::Yes));
    assert_eq!(place.content(), b"new");
    Ok(())
}

fn set_up() -> Verdict {
    let place = Place::with(b"old");
    answer(libc::SYS_setpriority, None, error(Errno::EACCES)).expect("a filter");
    let save = |priority| {
        let options = SnapshotOptions { priority, ..SnapshotOptions::default() };
        let serialise = |out: &mut SnapshotWriter<'_>| out.write_all(b"new");
        Snapshot::start(&place.snapshot, &options, serialise).expect("a snapshot").wait()
    };
    let failure = StepFailure::new(StepId::PRIORITY, Errno::EACCES);
    assert_eq!(save(Priority::Lowest), Err(SnapshotError::Step(failure)));
    assert_eq!(place.content(), b"old");
    place.assert_tidy();
    save(Priority::Caller).expect("the control");
    Ok(())
}
