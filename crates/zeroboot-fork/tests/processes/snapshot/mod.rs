//! Snapshots: a point in time in a file, whole or not at all.

mod atomic;
mod child;
mod copied;
mod failures;
mod place;
mod steps;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use libtest_mimic::Trial;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;
use tempfile::TempDir;
use zeroboot_fork::reap_any;
use zeroboot_fork::snapshot::{Bytes, Cancelled, Snapshot, SnapshotOptions, SnapshotWriter};

use crate::common::{Verdict, trial};

pub(crate) use child::play;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("snapshot: the file holds the moment of the fork", point_in_time),
        trial("snapshot: it can be polled, and answers the same again", polled),
        trial("snapshot: progress grows to the whole", progress),
        trial("snapshot: cancelled in time, and too late", cancelled),
        trial("snapshot: dropped is cancelled, but not by a copy", dropped),
    ];
    trials.extend(atomic::trials());
    trials.extend(child::trials());
    trials.extend(copied::trials());
    trials.extend(failures::trials());
    trials.extend(place::trials());
    trials.extend(steps::trials());
    trials
}

/// A directory with a place for a snapshot, and two pipes by which its child is held: they have names, so that the child
/// needs no descriptor of its parent's.
struct Place {
    directory: TempDir,
    snapshot: PathBuf,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        for pipe in ["here", "go"] {
            nix::unistd::mkfifo(&directory.path().join(pipe), Mode::S_IRWXU).expect("a named pipe");
        }
        let snapshot = directory.path().join("state");
        Self { directory, snapshot }
    }

    /// A place that has content already.
    fn with(content: &[u8]) -> Self {
        let place = Self::new();
        fs::write(&place.snapshot, content).expect("old content");
        place
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn start<F>(&self, serialise: F) -> Snapshot
    where
        F: FnOnce(&mut SnapshotWriter<'_>) -> io::Result<()>,
    {
        Snapshot::start(&self.snapshot, &SnapshotOptions::default(), serialise).expect("a snapshot")
    }

    /// In the child: says that it has come here, and waits for the parent's word.
    fn hold(&self) -> io::Result<()> {
        drop(File::create(self.path().join("here"))?);
        File::open(self.path().join("go"))?.read_exact(&mut [0])
    }

    /// In the parent: the child is where it holds.
    fn await_hold(&self) {
        let nothing = fs::read(self.path().join("here")).expect("a child that holds");
        assert!(nothing.is_empty());
    }

    fn release(&self) {
        fs::write(self.path().join("go"), [0]).expect("a child that waits");
    }

    fn content(&self) -> Vec<u8> {
        fs::read(&self.snapshot).expect("content")
    }

    /// All files but the pipes.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).expect("the directory");
        let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text"));
        let mut files: Vec<_> = names.filter(|name| name != "here" && name != "go").collect();
        files.sort();
        files
    }

    /// Nothing is there but the snapshot, and no child.
    fn assert_tidy(&self) {
        assert_eq!(self.files(), ["state"]);
        assert_eq!(reap_any(), Err(Errno::ECHILD), "no child is left");
    }
}

fn point_in_time() -> Verdict {
    const SIZE: usize = 16 << 20;
    let place = Place::with(b"older");
    let mut state: Vec<u8> = (0..SIZE).map(|index| index.to_le_bytes()[1]).collect();
    let before = state.clone();
    let mut snapshot = place.start(|out| {
        place.hold()?;
        out.write_all(&state)
    });
    place.await_hold();
    state.iter_mut().for_each(|byte| *byte ^= 0xff);
    assert_eq!(place.content(), b"older", "until it is whole");
    place.release();
    let saved = snapshot.wait().expect("saved");
    assert_eq!(saved.written, Bytes(SIZE as u64));
    assert!(place.content() == before, "what was there at the fork");
    assert!(saved.copied.expect("a page table") >= Bytes(SIZE as u64), "{saved:?}");
    place.assert_tidy();
    Ok(())
}

fn is_readable(snapshot: &Snapshot, timeout: PollTimeout) -> bool {
    poll(&mut [PollFd::new(snapshot.as_fd(), PollFlags::POLLIN)], timeout).expect("poll") > 0
}

fn polled() -> Verdict {
    let place = Place::new();
    let mut snapshot = place.start(|out| {
        place.hold()?;
        out.write_all(b"new")
    });
    place.await_hold();
    assert!(!is_readable(&snapshot, PollTimeout::ZERO));
    assert_eq!(snapshot.try_wait(), Ok(None));
    place.release();
    assert!(is_readable(&snapshot, PollTimeout::NONE));
    let saved = snapshot.try_wait().expect("saved").expect("its end");
    assert_eq!(snapshot.try_wait(), Ok(Some(saved)));
    assert_eq!(snapshot.wait(), Ok(saved));
    assert_eq!(place.content(), b"new");
    place.assert_tidy();
    Ok(())
}

fn progress() -> Verdict {
    const STEPS: usize = 5;
    const STEP: usize = 1 << 20;
    let place = Place::new();
    let expected = Some(Bytes((STEPS * STEP) as u64));
    let options = SnapshotOptions { expected, ..SnapshotOptions::default() };
    let serialise = |out: &mut SnapshotWriter<'_>| {
        for _ in 0..STEPS {
            out.write_all(&vec![1; STEP])?;
            out.flush()?;
            place.hold()?;
        }
        Ok::<_, io::Error>(())
    };
    let mut snapshot = Snapshot::start(&place.snapshot, &options, serialise).expect("a snapshot");
    let mut last = 0;
    for step in 1..=STEPS {
        while let written @ 0.. = snapshot.progress().expect("progress").written.0
            && written < (step * STEP) as u64
        {
            assert!(written >= last, "{written} after {last}");
            last = written;
        }
        place.await_hold();
        let progress = snapshot.progress().expect("progress");
        assert_eq!((progress.written.0, progress.expected), ((step * STEP) as u64, expected));
        place.release();
    }
    let saved = snapshot.wait().expect("saved");
    assert_eq!(Some(saved.written), expected);
    assert_eq!(Some(snapshot.progress().expect("progress").written), expected);
    place.assert_tidy();
    Ok(())
}

fn cancelled() -> Verdict {
    let place = Place::with(b"old");
    let snapshot = place.start(|out| {
        out.write_all(&[1; 1 << 20])?;
        place.hold()
    });
    place.await_hold();
    assert_eq!(place.files(), [".state.snapshot", "state"], "the control");
    assert_eq!(snapshot.cancel(), Ok(Cancelled::InTime));
    assert_eq!(place.content(), b"old");
    place.assert_tidy();

    let snapshot = place.start(|out| out.write_all(b"new"));
    assert!(is_readable(&snapshot, PollTimeout::NONE));
    let outcome = snapshot.cancel();
    assert!(matches!(outcome, Ok(Cancelled::TooLate(saved)) if saved.written == Bytes(3)), "{outcome:?}");
    assert_eq!(place.content(), b"new");
    place.assert_tidy();
    Ok(())
}

fn dropped() -> Verdict {
    let place = Place::with(b"old");
    let held = || {
        let snapshot = place.start(|out| {
            place.hold()?;
            out.write_all(b"new")
        });
        place.await_hold();
        snapshot
    };
    drop(held());
    assert_eq!(place.content(), b"old");
    place.assert_tidy();

    let mut snapshot = Some(held());
    let copy = || {
        drop(snapshot.take());
        0
    };
    assert_eq!(crate::common::code_of(&crate::common::plan(zeroboot_fork::Way::Libc), copy), 0);
    let mut snapshot = snapshot.expect("taken in the child only");
    assert_eq!(snapshot.try_wait(), Ok(None));
    place.release();
    snapshot.wait().expect("saved");
    assert_eq!(place.content(), b"new");
    place.assert_tidy();
    Ok(())
}
