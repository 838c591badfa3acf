//! Snapshots that fail: each is told, and the old content stays.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::os::fd::AsFd;

use libtest_mimic::Trial;
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use zeroboot_fork::snapshot::{Bytes, Replaced, Snapshot, SnapshotError, SnapshotOptions, SnapshotWriter};
use zeroboot_fork::{ExitStatus, leave, pidfd_open, pidfd_signal};

use super::Place;
use crate::common::{Skip, Verdict, trial};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("snapshot: the serialiser's error is told with its causes", serialiser),
        trial("snapshot: a panic is told, and does not unwind out of the child", panics),
        trial("snapshot: a limit on files is told, whatever the serialiser makes of it", limit),
        trial("snapshot: a full file system is told", full),
        trial("snapshot: a name that cannot be taken is told", name_taken),
        trial("snapshot: a child that was killed is told, as is one that leaves", without_a_word),
    ]
}

/// What a snapshot of this serialiser fails with; the old content is there, and nothing else.
fn failure<E: Into<Box<dyn Error>>>(
    serialise: impl FnOnce(&mut SnapshotWriter<'_>) -> Result<(), E>,
) -> SnapshotError {
    let place = Place::with(b"old");
    let mut snapshot =
        Snapshot::start(&place.snapshot, &SnapshotOptions::default(), serialise).expect("a snapshot");
    let error = snapshot.wait().expect_err("a failure");
    assert_eq!(snapshot.try_wait().as_ref(), Err(&error), "and again");
    assert_eq!(place.content(), b"old");
    place.assert_tidy();
    error
}

#[derive(Debug, thiserror::Error)]
#[error("no answer")]
struct Outer(#[source] io::Error);

fn serialiser() -> Verdict {
    let message = |error| match error {
        SnapshotError::Serialise { message } => message,
        other => panic!("{other}"),
    };
    let told = failure(|out| {
        out.write_all(&[1; 1 << 20]).map_err(Outer)?;
        Err(Outer(io::Error::other("nobody asked")))
    });
    assert_eq!(message(told), "no answer: nobody asked");
    assert_eq!(message(failure(|_| Err("a word"))), "a word");
    let long = message(failure(|_| Err("ß".repeat(10_000))));
    assert!(long.len() > 4000 && long.chars().all(|letter| letter == 'ß'), "{long}");
    Ok(())
}

struct Loud;

impl Drop for Loud {
    fn drop(&mut self) {
        leave(3);
    }
}

fn panics() -> Verdict {
    std::panic::set_hook(Box::new(|_| ()));
    let words = |error| match error {
        SnapshotError::Panicked { message } => message,
        other => panic!("{other}"),
    };
    // Dropped in the child, it would end it with another code and without a word.
    let outside = Loud;
    let formatted = failure(|out| {
        out.write_all(b"half").expect("a place in the buffer");
        let number = 7;
        if number > 0 {
            panic!("at {number}");
        }
        Ok::<_, io::Error>(())
    });
    let plain = failure(|_| if true { panic!("plainly") } else { Ok::<_, io::Error>(()) });
    let _ = std::panic::take_hook();
    std::mem::forget(outside);
    assert_eq!((words(formatted).as_str(), words(plain).as_str()), ("at 7", "plainly"));
    Ok(())
}

fn limit() -> Verdict {
    setrlimit(Resource::RLIMIT_FSIZE, 1 << 20, 1 << 20).expect("a limit");
    let too_large = SnapshotError::Write { errno: Errno::EFBIG };
    let told = failure(|out| out.write_all(&[1; 2 << 20]));
    assert_eq!(told, too_large);
    let careless = failure(|out| {
        for _ in 0..100 {
            let _ = out.write_all(&[1; 100_000]);
        }
        Ok::<_, io::Error>(())
    });
    assert_eq!(careless, too_large);
    std::panic::set_hook(Box::new(|_| ()));
    let panicking = failure(|out| {
        out.write_all(&[1; 2 << 20]).expect("room");
        Ok::<_, io::Error>(())
    });
    let _ = std::panic::take_hook();
    assert_eq!(panicking, too_large);
    Ok(())
}

fn full() -> Verdict {
    own_mounts().map_err(|error| Skip(format!("no mount namespace: {error}")))?;
    let directory = tempfile::tempdir().expect("a directory");
    let nothing = None::<&str>;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)
        .map_err(|errno| Skip(format!("no private mounts: {errno}")))?;
    mount(nothing, directory.path(), Some("tmpfs"), MsFlags::empty(), Some("size=1m"))
        .map_err(|errno| Skip(format!("no tmpfs: {errno}")))?;
    let snapshot = directory.path().join("state");
    let save = |length: usize| {
        let serialise = |out: &mut SnapshotWriter<'_>| out.write_all(&vec![1; length]);
        Snapshot::start(&snapshot, &SnapshotOptions::default(), serialise).expect("a snapshot").wait()
    };
    save(100_000).expect("saved");
    let told = save(4 << 20).expect_err("a failure");
    assert_eq!(told, SnapshotError::Write { errno: Errno::ENOSPC });
    assert!(told.to_string().contains("full"), "{told}");
    assert_eq!(fs::read(&snapshot).expect("the old content").len(), 100_000);
    assert_eq!(fs::read_dir(directory.path()).expect("the directory").count(), 1);
    save(500_000).expect("there is room again");
    umount2(directory.path(), MntFlags::MNT_DETACH).expect("so that the directory can go");
    Ok(())
}

/// A mount namespace; for an ordinary user by a user namespace, in which the user is root.
fn own_mounts() -> io::Result<()> {
    let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
    if user.is_root() {
        return Ok(unshare(CloneFlags::CLONE_NEWNS)?);
    }
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUSER)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1"))
}

fn name_taken() -> Verdict {
    let place = Place::new();
    fs::create_dir(&place.snapshot).expect("a directory in its place");
    let told = place.start(|out| out.write_all(b"new")).wait().expect_err("a failure");
    assert_eq!(told, SnapshotError::Rename(Errno::EISDIR));
    place.assert_tidy();
    Ok(())
}

fn without_a_word() -> Verdict {
    let place = Place::with(b"old");
    let mut snapshot = place.start(|out| {
        out.write_all(&[1; 1 << 20])?;
        place.hold()
    });
    place.await_hold();
    let child = pidfd_open(snapshot.pid()).expect("the child");
    pidfd_signal(child.as_fd(), Signal::SIGTERM).expect("a signal");
    let ended = |status| SnapshotError::Ended { status: Some(status), replaced: Replaced::No };
    let terminated = ExitStatus::Signaled { signal: libc::SIGTERM, core_dumped: false };
    assert_eq!(snapshot.wait(), Err(ended(terminated)));
    assert_eq!(place.content(), b"old");
    place.assert_tidy();

    let left = failure(|out| {
        out.write_all(b"all that there is")?;
        if out.written() > Bytes(0) {
            leave(0);
        }
        Ok::<_, io::Error>(())
    });
    assert_eq!(left, ended(ExitStatus::Exited(0)));
    Ok(())
}
