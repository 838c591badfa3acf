//! Starting a snapshot, and the parent's hold on it.
//!
//! Never here: what the child does.

use std::error::Error;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::pipe2;

use super::draft::Draft;
use super::error::{Replaced, SnapshotError, StartError};
use super::report::{MOST, decode};
use super::save::Work;
use super::{Bytes, Progress, Saved, SnapshotOptions, SnapshotWriter};
use crate::exit::ExitStatus;
use crate::handle::{Child, pidfd_open};
use crate::plan::{ForkError, ForkOptions, ForkPlan, Forked, Way};

/// A snapshot that is being made, held by the process that started it.
///
/// In an event loop: [poll](AsFd) it like a connection, and [`try_wait`](Self::try_wait) when it is readable. In a program of
/// threads it may be handed to a thread that waits; the one that started it has to live on.
///
/// Dropped before its end was seen, it is cancelled. What a fork of this process inherits of it is of no use there, and
/// does nothing when it is dropped.
#[derive(Debug)]
pub struct Snapshot {
    child: Child,
    report: OwnedFd,
    draft: Draft,
    expected: Option<Bytes>,
    fork_time: Duration,
    ended: Option<Result<Saved, SnapshotError>>,
}

/// What became of a snapshot that was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// Nothing: the name leads to what it led to before.
    InTime,
    /// It was complete already.
    TooLate(Saved),
}

impl Snapshot {
    /// Forks a child that runs `serialise` on what it has inherited, and puts what that writes under `path`.
    ///
    /// Returns as soon as the fork is made. What `serialise` owns is dropped in both processes: better that it borrows. See
    /// the [module's page](super) for what it may do, and what the child has.
    ///
    /// # Errors
    /// [`StartError`]: of a process with more than one thread, [`ForkError::Threads`]; of a file that is being made,
    /// [`StartError::Running`].
    ///
    /// # After fork
    /// All memory and the standard streams are inherited; other descriptors, signal handlers and the parent's death are
    /// seen to before `serialise` runs.
    pub fn start<S, E>(path: &Path, options: &SnapshotOptions, serialise: S) -> Result<Self, StartError>
    where
        S: FnOnce(&mut SnapshotWriter<'_>) -> Result<(), E>,
        E: Into<Box<dyn Error>>,
    {
        begin(path, options, ForkPlan::fork, serialise)
    }

    /// The same, however many threads there are.
    ///
    /// # Errors
    /// [`StartError`].
    ///
    /// # Safety
    /// The child has only this thread. The caller knows that the C library's allocator works in the child of a process with
    /// threads (glibc's and musl's do; another allocator must register with `pthread_atfork(3)`), and that `serialise`
    /// needs nothing else that another thread may hold at this moment, or may be in the middle of changing: locks of its
    /// own, the streams of `std::io` (standard error too, to which a panic is told), the environment.
    pub unsafe fn start_unchecked<S, E>(
        path: &Path,
        options: &SnapshotOptions,
        serialise: S,
    ) -> Result<Self, StartError>
    where
        S: FnOnce(&mut SnapshotWriter<'_>) -> Result<(), E>,
        E: Into<Box<dyn Error>>,
    {
        // SAFETY: the caller's promise.
        begin(path, options, |plan| unsafe { plan.fork_unchecked() }, serialise)
    }

    /// The child's number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// How long the fork stopped the caller.
    #[must_use]
    pub fn fork_time(&self) -> Duration {
        self.fork_time
    }

    /// How far it is. One system call.
    ///
    /// # Errors
    /// What `fstat(2)` answers.
    pub fn progress(&self) -> Result<Progress, Errno> {
        Ok(Progress { written: Bytes(self.draft.length()?), expected: self.expected })
    }

    /// Waits for its end; the answer is kept.
    ///
    /// # Errors
    /// [`SnapshotError`]; its temporary file is gone then.
    pub fn wait(&mut self) -> Result<Saved, SnapshotError> {
        loop {
            if let Some(saved) = self.try_wait()? {
                return Ok(saved);
            }
            is_readable(self.child.as_fd(), PollTimeout::NONE).map_err(SnapshotError::Child)?;
        }
    }

    /// What came of it, if it has ended; the answer is kept.
    ///
    /// It does not matter who else collects children of this process, or whether `SIGCHLD` is ignored.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn try_wait(&mut self) -> Result<Option<Saved>, SnapshotError> {
        if self.ended.is_none() {
            if !is_readable(self.child.as_fd(), PollTimeout::ZERO).map_err(SnapshotError::Child)? {
                return Ok(None);
            }
            self.ended = Some(self.finish());
        }
        self.ended.clone().transpose()
    }

    /// Kills the child, waits for its end and takes its temporary file away.
    ///
    /// # Errors
    /// [`SnapshotError`], if it had failed already, and [`SnapshotError::Ended`] with [`Replaced::Yes`] if it was killed when
    /// the file was in its place and only that was not told yet.
    pub fn cancel(mut self) -> Result<Cancelled, SnapshotError> {
        self.child.kill().map_err(SnapshotError::Child)?;
        match self.wait() {
            Ok(saved) => Ok(Cancelled::TooLate(saved)),
            Err(SnapshotError::Ended { replaced: Replaced::No, .. }) => Ok(Cancelled::InTime),
            Err(error) => Err(error),
        }
    }

    /// After its end: collects the child and reads its report.
    fn finish(&mut self) -> Result<Saved, SnapshotError> {
        let status = match self.child.try_wait() {
            Ok(exit) => exit.map(|exit| exit.status),
            Err(Errno::ECHILD) => None,
            Err(errno) => return Err(SnapshotError::Child(errno)),
        };
        let told = self.read_report().map_err(SnapshotError::Child)?;
        let outcome = told.unwrap_or_else(|| self.without_a_word(status));
        match outcome {
            Ok(_) => self.draft.release(),
            Err(_) => self.draft.withdraw(),
        }
        outcome
    }

    fn read_report(&self) -> Result<Option<Result<Saved, SnapshotError>>, Errno> {
        let mut bytes = [0; MOST];
        match nix::unistd::read(&self.report, &mut bytes) {
            Ok(length) => Ok(decode(&bytes[..length])),
            // Somebody still holds the other end and has written nothing.
            Err(Errno::EAGAIN) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    fn without_a_word(&self, status: Option<ExitStatus>) -> Result<Saved, SnapshotError> {
        Err(SnapshotError::Ended { status, replaced: self.draft.replaced() })
    }
}

impl AsFd for Snapshot {
    /// Readable once it has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.child.as_fd()
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        if self.ended.is_some() {
            return;
        }
        // Not the child of this process: this is a copy in another child of its parent.
        let is_copy = self.child.try_wait() == Err(Errno::ECHILD)
            && !is_readable(self.child.as_fd(), PollTimeout::ZERO).unwrap_or(false);
        if !is_copy && self.child.kill().is_ok() {
            // Nobody asks any more.
            let _ = self.wait();
        }
    }
}

fn begin<S, E>(
    path: &Path,
    options: &SnapshotOptions,
    fork: impl FnOnce(&ForkPlan) -> Result<Forked, ForkError>,
    serialise: S,
) -> Result<Snapshot, StartError>
where
    S: FnOnce(&mut SnapshotWriter<'_>) -> Result<(), E>,
    E: Into<Box<dyn Error>>,
{
    let plan = ForkPlan::prepare(ForkOptions { way: Way::Libc, ..ForkOptions::default() })?;
    let (report, writer) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(StartError::Watch)?;
    let parent = pidfd_open(std::process::id()).map_err(StartError::Watch)?;
    let pagemap = File::open("/proc/self/pagemap").ok();
    let draft = Draft::claim(path)?;
    let begun = Instant::now();
    match fork(&plan) {
        Ok(Forked::Parent(child)) => {
            let (expected, fork_time) = (options.expected, begun.elapsed());
            Ok(Snapshot { child, report, draft, expected, fork_time, ended: None })
        }
        Ok(Forked::Child(fresh)) => {
            let work = Work {
                draft: &draft,
                report: writer.as_fd(),
                parent: parent.as_fd(),
                pagemap: pagemap.as_ref(),
                begun,
            };
            work.run(&fresh, options, serialise)
        }
        Err(error) => {
            draft.withdraw();
            Err(error.into())
        }
    }
}

/// Whether a pidfd says that its process has ended.
fn is_readable(pidfd: BorrowedFd<'_>, timeout: PollTimeout) -> Result<bool, Errno> {
    let mut fds = [PollFd::new(pidfd, PollFlags::POLLIN)];
    loop {
        match poll(&mut fds, timeout) {
            Err(Errno::EINTR) => {}
            answer => return answer.map(|ready| ready > 0),
        }
    }
}
