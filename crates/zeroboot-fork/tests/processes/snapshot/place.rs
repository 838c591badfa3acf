//! One snapshot of a file at a time, and what an earlier one may have left.

use std::fs::{self, File};
use std::io::{Read, Write, pipe};
use std::os::fd::AsFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use libtest_mimic::Trial;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use zeroboot_fork::snapshot::{Snapshot, SnapshotOptions, SnapshotWriter, StartError};
use zeroboot_fork::{ExitStatus, Way, pidfd_open};

use super::Place;
use crate::common::{Verdict, code_of, plan, trial};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("snapshot: one of a file at a time, whoever makes it", one_at_a_time),
        trial("snapshot: other children of the parent do not keep the next one waiting", siblings),
        trial("snapshot: the child dies with its parent, and the next one clears up", parent_killed),
        trial("snapshot: what lies in the temporary file's place is not written to", left_by_others),
        trial("snapshot: a path that cannot be is told", paths),
        trial("snapshot: a new file has the mode of any new file", mode),
    ]
}

fn try_start(path: &Path) -> Result<Snapshot, StartError> {
    let serialise = |out: &mut SnapshotWriter<'_>| out.write_all(b"new");
    Snapshot::start(path, &SnapshotOptions::default(), serialise)
}

fn is_running(path: &Path) -> bool {
    matches!(try_start(path), Err(StartError::Running))
}

fn one_at_a_time() -> Verdict {
    let place = Place::with(b"old");
    let mut first = place.start(|out| {
        place.hold()?;
        out.write_all(b"first")
    });
    place.await_hold();
    assert!(is_running(&place.snapshot));
    assert_eq!(code_of(&plan(Way::Libc), || is_running(&place.snapshot).into()), 1, "in another process");
    let other = place.path().join("other");
    try_start(&other).expect("another file").wait().expect("saved");
    fs::remove_file(other).expect("the other file");
    place.release();
    first.wait().expect("saved");
    assert_eq!(place.content(), b"first");
    try_start(&place.snapshot).expect("the next one").wait().expect("saved");
    assert_eq!(place.content(), b"new");
    place.assert_tidy();
    Ok(())
}

/// A child that is made meanwhile inherits the open file, and so its lock.
fn siblings() -> Verdict {
    let place = Place::new();
    let (reader, mut writer) = pipe().expect("a pipe");
    let mut first = place.start(|_| place.hold());
    place.await_hold();
    let wait = || (&reader).read_exact(&mut [0]).map_or(1, |()| 0);
    let mut sibling = plan(Way::Libc).spawn(&|| Ok(()), wait).expect("a sibling");
    place.release();
    first.wait().expect("saved");
    try_start(&place.snapshot).expect("the next one").wait().expect("saved");
    writer.write_all(&[0]).expect("a byte");
    assert_eq!(sibling.wait().expect("its end").status, ExitStatus::Exited(0));
    place.assert_tidy();
    Ok(())
}

fn parent_killed() -> Verdict {
    let place = Place::with(b"old");
    let (mut reader, writer) = pipe().expect("a pipe");
    let body = || {
        let mut snapshot = place.start(|out| {
            out.write_all(&[1; 1 << 20])?;
            place.hold()
        });
        (&writer).write_all(&snapshot.pid().to_ne_bytes()).expect("a number");
        snapshot.wait().map_or(1, |_| 0)
    };
    let mut parent = plan(Way::Libc).spawn(&|| Ok(()), body).expect("a parent");
    let mut pid = [0; 4];
    reader.read_exact(&mut pid).expect("a number");
    place.await_hold();
    let child = pidfd_open(u32::from_ne_bytes(pid)).expect("the child");
    let mut ended = [PollFd::new(child.as_fd(), PollFlags::POLLIN)];
    assert_eq!(poll(&mut ended, PollTimeout::ZERO), Ok(0), "it holds");
    parent.kill().expect("kill");
    parent.wait().expect("its end");
    assert_eq!(poll(&mut ended, PollTimeout::NONE), Ok(1), "it has died with its parent");

    assert_eq!(place.content(), b"old");
    assert_eq!(place.files(), [".state.snapshot", "state"], "nobody was there to remove it");
    try_start(&place.snapshot).expect("the next one").wait().expect("saved");
    assert_eq!(place.content(), b"new");
    place.assert_tidy();
    Ok(())
}

fn left_by_others() -> Verdict {
    let place = Place::with(b"old");
    let (temporary, precious) = (place.path().join(".state.snapshot"), place.path().join("precious"));
    fs::write(&precious, b"precious").expect("a file");
    fs::hard_link(&precious, &temporary).expect("a second name");
    try_start(&place.snapshot).expect("a snapshot").wait().expect("saved");
    assert_eq!(place.content(), b"new");
    assert_eq!(fs::read(&precious).expect("the file"), b"precious");
    assert_eq!(place.files(), ["precious", "state"]);

    symlink(&precious, &temporary).expect("a link");
    let refused = try_start(&place.snapshot);
    assert!(matches!(refused, Err(StartError::Temporary(Errno::ELOOP))), "{refused:?}");
    assert_eq!(fs::read(&precious).expect("the file"), b"precious");
    Ok(())
}

fn paths() -> Verdict {
    for nameless in ["/", "..", ""] {
        assert!(matches!(try_start(Path::new(nameless)), Err(StartError::Name)), "{nameless}");
    }
    let place = Place::new();
    let missing = try_start(&place.path().join("missing/state"));
    assert!(matches!(missing, Err(StartError::Directory(Errno::ENOENT))), "{missing:?}");
    let long = try_start(&place.path().join("n".repeat(250)));
    assert!(matches!(long, Err(StartError::Temporary(Errno::ENAMETOOLONG))), "{long:?}");
    assert!(place.files().is_empty());

    std::env::set_current_dir(place.path()).expect("the directory");
    let mut relative = try_start(Path::new("state")).expect("a name alone");
    std::env::set_current_dir("/").expect("the root");
    relative.wait().expect("saved");
    assert_eq!(place.content(), b"new");
    place.assert_tidy();
    Ok(())
}

fn mode() -> Verdict {
    let place = Place::new();
    let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode();
    try_start(&place.snapshot).expect("a snapshot").wait().expect("saved");
    let other = place.path().join("other");
    drop(File::create(&other).expect("a file"));
    assert_eq!(mode(&place.snapshot), mode(&other));
    Ok(())
}
