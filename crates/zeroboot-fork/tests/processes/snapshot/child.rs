//! What the child of a snapshot has of its parent.

use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read, Write, pipe, stdout};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use libtest_mimic::Trial;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use zeroboot_fork::snapshot::{Descriptors, Priority, Snapshot, SnapshotOptions, SnapshotWriter, StartError};
use zeroboot_fork::{ForkError, reap_any};

use super::Place;
use crate::common::{Verdict, trial};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("snapshot: the child hides its parent's descriptors", hidden),
        trial("snapshot: the child keeps them where asked", kept),
        trial("snapshot: the child has no handler of its parent's, and ignores what that ignores", signals),
        trial("snapshot: the child stands back where asked", priority),
        trial("snapshot: two threads are refused, unless the caller knows better", threads),
        trial("snapshot: whoever collects the child, its report arrives", collected_by_others),
        trial("snapshot: unflushed text appears once", unflushed),
    ]
}

fn options(descriptors: Descriptors) -> SnapshotOptions {
    SnapshotOptions { descriptors, ..SnapshotOptions::default() }
}

/// The peer of a connection sees its end, though the child lives; and a value that owns a number owns it further.
fn hidden() -> Verdict {
    let place = Place::new();
    let (mut near, far) = UnixStream::pair().expect("a pair");
    let file = File::open("/proc/self/stat").expect("/proc");
    let serialise = |out: &mut SnapshotWriter<'_>| {
        let read = (&file).read(&mut [0]).map_err(|error| error.raw_os_error());
        writeln!(out, "{read:?} {}", fcntl(&file, FcntlArg::F_GETFD).is_ok())?;
        let standard = fcntl(io::stderr(), FcntlArg::F_GETFL).map_err(io::Error::from)?;
        writeln!(out, "{}", standard & libc::O_PATH == 0)?;
        place.hold()
    };
    let mut snapshot =
        Snapshot::start(&place.snapshot, &options(Descriptors::Hide), serialise).expect("a snapshot");
    place.await_hold();
    drop(far);
    assert_eq!(near.read(&mut [0]).expect("the end"), 0);
    place.release();
    snapshot.wait().expect("saved");
    let found = String::from_utf8(place.content()).expect("text");
    assert_eq!(found, format!("Err(Some({})) true\ntrue\n", libc::EBADF));
    place.assert_tidy();
    Ok(())
}

fn kept() -> Verdict {
    let place = Place::new();
    let (mut reader, writer) = pipe().expect("a pipe");
    let serialise = |_: &mut SnapshotWriter<'_>| (&writer).write_all(b"kept");
    Snapshot::start(&place.snapshot, &options(Descriptors::Keep), serialise)
        .expect("a snapshot")
        .wait()
        .expect("saved");
    drop(writer);
    assert_eq!(io::read_to_string(&mut reader).expect("text"), "kept");
    Ok(())
}

extern "C" fn handler(_: libc::c_int) {}

fn signals() -> Verdict {
    let place = Place::new();
    for (signal, disposition) in
        [(Signal::SIGTERM, SigHandler::Handler(handler)), (Signal::SIGHUP, SigHandler::SigIgn)]
    {
        let action = SigAction::new(disposition, SaFlags::empty(), SigSet::empty());
        // SAFETY: the handler does nothing.
        unsafe { sigaction(signal, &action) }.expect("a disposition");
    }
    let mut blocked = SigSet::empty();
    blocked.add(Signal::SIGUSR1);
    blocked.thread_block().expect("a mask");
    let mut snapshot = place.start(|out| {
        for signal in [Signal::SIGTERM, Signal::SIGHUP] {
            let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
            // SAFETY: the default is no function.
            let before = unsafe { sigaction(signal, &default) }.map_err(io::Error::from)?;
            writeln!(out, "{:?}", before.handler())?;
        }
        let mask = SigSet::thread_get_mask().map_err(io::Error::from)?;
        writeln!(out, "{:?}", mask.iter().collect::<Vec<_>>())
    });
    snapshot.wait().expect("saved");
    assert_eq!(String::from_utf8(place.content()).expect("text"), "SigDfl\nSigIgn\n[SIGUSR1]\n");
    Ok(())
}

fn priority() -> Verdict {
    let nice = || {
        // SAFETY: no memory is passed.
        unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
    };
    let place = Place::new();
    let own = nice();
    for (priority, expected) in [(Priority::Caller, own), (Priority::Lowest, 19)] {
        let options = SnapshotOptions { priority, ..SnapshotOptions::default() };
        let serialise = |out: &mut SnapshotWriter<'_>| write!(out, "{}", nice());
        let mut snapshot = Snapshot::start(&place.snapshot, &options, serialise).expect("a snapshot");
        snapshot.wait().expect("saved");
        assert_eq!(place.content(), expected.to_string().as_bytes());
    }
    assert_eq!(nice(), own, "the parent's own");
    Ok(())
}

/// The second thread holds the allocator's lock much of the time.
fn threads() -> Verdict {
    let place = Place::new();
    let (started, stopped) = (AtomicBool::new(false), AtomicBool::new(false));
    let allocate = || {
        while !stopped.load(Ordering::Relaxed) {
            drop(black_box((1..64).map(|size| vec![1_u8; size * 97]).collect::<Vec<_>>()));
            started.store(true, Ordering::Relaxed);
        }
    };
    let serialise = |out: &mut SnapshotWriter<'_>| {
        let text: Vec<_> = (0..1000).map(|number| format!("{number}\n")).collect();
        out.write_all(text.concat().as_bytes())
    };
    let options = SnapshotOptions::default();
    let (refused, snapshots) = thread::scope(|scope| {
        let other = scope.spawn(allocate);
        while !started.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        let refused = Snapshot::start(&place.snapshot, &options, serialise);
        let files = place.files();
        let snapshots: Vec<_> = (0..20)
            .map(|_| {
                // SAFETY: the C library's allocator, and nothing else that the other thread may hold.
                let snapshot = unsafe { Snapshot::start_unchecked(&place.snapshot, &options, serialise) };
                snapshot.map(|mut snapshot| snapshot.wait())
            })
            .collect();
        stopped.store(true, Ordering::Relaxed);
        other.join().expect("its end");
        ((refused, files), snapshots)
    });
    assert!(matches!(&refused.0, Err(StartError::Fork(ForkError::Threads(_)))), "{refused:?}");
    assert!(refused.1.is_empty(), "{refused:?}");
    assert!(snapshots.iter().all(|saved| matches!(saved, Ok(Ok(_)))), "{snapshots:?}");
    place.assert_tidy();
    Ok(())
}

fn collected_by_others() -> Verdict {
    let place = Place::new();
    let mut snapshot = place.start(|out| out.write_all(b"first"));
    while reap_any().expect("a child").is_none() {
        thread::yield_now();
    }
    snapshot.wait().expect("saved");
    assert_eq!(place.content(), b"first");

    let ignore = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    // SAFETY: no function.
    unsafe { sigaction(Signal::SIGCHLD, &ignore) }.expect("a disposition");
    let mut snapshot = place.start(|out| {
        place.hold()?;
        out.write_all(b"second")
    });
    place.await_hold();
    assert_eq!(snapshot.try_wait(), Ok(None));
    place.release();
    snapshot.wait().expect("saved");
    assert_eq!(place.content(), b"second");
    drop(place.start(|_| place.hold()));
    assert_eq!(place.content(), b"second");
    place.assert_tidy();
    Ok(())
}

/// The control is a serialiser that flushes the inherited buffer, as none should.
fn unflushed() -> Verdict {
    let output = |role: &str| {
        let this = std::env::current_exe().expect("this program");
        let output = Command::new(this).arg(format!("role=snapshot {role}")).output().expect("a run");
        String::from_utf8(output.stdout).expect("text")
    };
    assert_eq!(output("flush"), "text".repeat(2), "the control");
    assert_eq!(output("leave"), "text");
    Ok(())
}

/// What this program does when it is run by a test: text in a buffer, a snapshot, and a regular end.
pub(crate) fn play(role: &str) {
    let place = Place::new();
    stdout().write_all(b"text").expect("a place in the buffer");
    let mut snapshot = place.start(|_| if role == "flush" { stdout().flush() } else { Ok(()) });
    snapshot.wait().expect("saved");
}
