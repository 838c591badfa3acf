//! The child's work once it is settled: ordinary code, in a process with one thread.
//!
//! Never here: unwinding or returning into the frames of the parent.

use std::any::Any;
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use super::child::settle;
use super::copied::copied;
use super::draft::Draft;
use super::report::encode;
use super::writer::errno_of;
use super::{Descriptors, Saved, SnapshotError, SnapshotOptions, SnapshotWriter};
use crate::child::{InChild, LeaveOnUnwind, leave, tell};
use crate::step::{StepFailure, StepId};

/// What the child works with.
#[derive(Debug)]
pub(super) struct Work<'a> {
    pub(super) draft: &'a Draft,
    pub(super) report: BorrowedFd<'a>,
    pub(super) parent: BorrowedFd<'a>,
    /// The parent's page table.
    pub(super) pagemap: Option<&'a File>,
    pub(super) begun: Instant,
}

impl Work<'_> {
    /// Does it, tells the parent, and leaves.
    pub(super) fn run<S, E>(&self, fresh: &InChild, options: &SnapshotOptions, serialise: S) -> !
    where
        S: FnOnce(&mut SnapshotWriter<'_>) -> Result<(), E>,
        E: Into<Box<dyn Error>>,
    {
        let _guard = LeaveOnUnwind;
        let settled = settle(fresh, self.parent, options.priority);
        let settled = settled.and_then(|()| match options.descriptors {
            Descriptors::Keep => Ok(()),
            Descriptors::Hide => {
                self.hide_others().map_err(|error| StepFailure::new(StepId::DESCRIPTORS, errno_of(&error)))
            }
        });
        let outcome = settled.map_err(SnapshotError::Step).and_then(|()| self.save(serialise));
        // If it cannot be told, the parent finds a child that has ended without a word.
        let _ = tell(self.report, &encode(&outcome));
        leave(u8::from(outcome.is_err()))
    }

    fn save<S, E>(&self, serialise: S) -> Result<Saved, SnapshotError>
    where
        S: FnOnce(&mut SnapshotWriter<'_>) -> Result<(), E>,
        E: Into<Box<dyn Error>>,
    {
        let mut out = SnapshotWriter::new(&self.draft.file);
        let answer = catch_unwind(AssertUnwindSafe(|| serialise(&mut out)));
        let answer = match answer {
            Ok(answer) => answer.map_err(|error| SnapshotError::Serialise { message: chain(&*error.into()) }),
            Err(panic) => Err(SnapshotError::Panicked { message: words(&*panic) }),
        };
        // An error of the file comes first: the serialiser passes it on, panics at it, or has lost it.
        out.failure().map_or(answer, Err)?;
        if let Err(error) = out.flush() {
            return Err(SnapshotError::Write { errno: errno_of(&error) });
        }
        let written = out.written();
        self.draft.sync().map_err(|errno| SnapshotError::Sync { errno })?;
        self.draft.rename().map_err(SnapshotError::Rename)?;
        self.draft.sync_directory().map_err(SnapshotError::SyncDirectory)?;
        let took = self.begun.elapsed();
        let copied = self.pagemap.and_then(|parent| copied(parent).ok());
        Ok(Saved { written, copied, took })
    }

    /// Puts a descriptor that answers `EBADF` to all that matters (`O_PATH`) in the place of every one that is not needed.
    /// Their numbers stay taken, so that a value which owns one goes on to own something.
    fn hide_others(&self) -> io::Result<()> {
        let [directory, file] = self.draft.descriptors();
        let kept = [directory, file, self.report.as_raw_fd()];
        let kept_if = self.pagemap.map(AsRawFd::as_raw_fd);
        let is_kept = |fd: RawFd| fd <= libc::STDERR_FILENO || kept.contains(&fd) || kept_if == Some(fd);
        let mut others = Vec::new();
        for entry in fs::read_dir("/proc/self/fd")? {
            others.extend(entry?.file_name().to_str().and_then(|number| number.parse::<RawFd>().ok()));
        }
        others.retain(|fd| !is_kept(*fd));
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        let nothing = open("/", flags, Mode::empty())?;
        for other in others.into_iter().filter(|fd| *fd != nothing.as_raw_fd()) {
            replace(other, nothing.as_fd())?;
        }
        Ok(())
    }
}

/// Has the number `fd` lead where `to` leads.
fn replace(fd: RawFd, to: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: needed since the number's owner is not known here. It keeps an open descriptor that nobody else closes, in a
    // process where it is only promised that it answers EBADF. No memory is passed.
    Errno::result(unsafe { libc::dup3(to.as_raw_fd(), fd, libc::O_CLOEXEC) }).map(drop)
}

/// An error with its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// What a panic says.
fn words(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().copied();
    let words = words.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    words.unwrap_or("no words").to_owned()
}
