//! The thread that answers whoever connects, one after the other: a picture of this moment, and then the end.
//!
//! The picture is taken before the first byte is written, so that no lock is held while a reader reads. Never here: hearing a
//! reader.

use std::io::{self, ErrorKind, PipeReader, PipeWriter, Write, pipe};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tracing::debug;

use super::directory::{DirectoryError, make_run_time_directory};
use super::picture::PublishedProcess;
use super::read::clear;
use crate::words::with_cause;

/// How long a reader may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether this process publishes: it has one socket.
static PUBLISHES: AtomicBool = AtomicBool::new(false);

/// Tells others what this process has, for as long as it is held.
#[derive(Debug)]
#[must_use = "nothing is told any more when it is dropped"]
pub struct Publisher {
    path: PathBuf,
    /// Closed to end the thread.
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
    _only: Only,
}

/// Why nothing is published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// Somebody in this process does it already.
    #[error("this process already publishes")]
    Already,
    /// The place of the socket.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The socket.
    #[error("cannot listen at {}", path.display())]
    Listen {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What ends the thread.
    #[error("cannot make a pipe")]
    Pipe(#[source] io::Error),
    /// The thread.
    #[error("cannot start the thread that answers")]
    Thread(#[source] io::Error),
}

with_cause!(PublishError);

impl PublishError {
    /// What a person can do about it.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Already => {
                Some("keep the first Publisher for as long as this process should be visible".to_owned())
            }
            Self::Directory(error) => error.remedy(),
            Self::Listen { .. } => {
                Some("set XDG_RUNTIME_DIR to a shorter path, or one that can be written to".to_owned())
            }
            Self::Pipe(_) => Some("raise the limit of open files (ulimit -n)".to_owned()),
            Self::Thread(_) => Some("raise the limits on processes (ulimit -u, pids.max)".to_owned()),
        }
    }
}

/// Tells whoever may look into the user's run-time directory which templates, pools and living sandboxes this process has:
/// `zeroboot top`, and [`published`](super::published). A thread answers at a socket there, until the handle is dropped or
/// the process ends.
///
/// It costs nothing until somebody asks, and no request ever waits for a reader.
///
/// # Errors
/// [`PublishError`].
///
/// ```no_run
/// let publisher = zeroboot_runtime::host::publish()?;
/// // ... make sandboxes
/// drop(publisher);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn publish() -> Result<Publisher, PublishError> {
    let only = Only::new().ok_or(PublishError::Already)?;
    let directory = make_run_time_directory()?;
    clear(&directory);
    let path = directory.join(format!("{}.sock", std::process::id()));
    let listener = match listen(&path) {
        Ok(listener) => listener,
        Err(source) => return Err(PublishError::Listen { path, source }),
    };
    let (stopped, stop) = pipe().map_err(PublishError::Pipe)?;
    let mut publisher = Publisher { path, stop: Some(stop), thread: None, _only: only };
    let thread = std::thread::Builder::new().name("zeroboot-publish".to_owned());
    let thread = thread.spawn(move || serve(&listener, &stopped)).map_err(PublishError::Thread)?;
    publisher.thread = Some(thread);
    Ok(publisher)
}

impl Drop for Publisher {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Its panic has been told.
            let _ = thread.join();
        }
        if let Err(error) = std::fs::remove_file(&self.path) {
            debug!(%error, path = %self.path.display(), "a socket could not be removed");
        }
    }
}

/// There is one at a time.
#[derive(Debug)]
struct Only(());

impl Only {
    fn new() -> Option<Self> {
        (!PUBLISHES.swap(true, Ordering::AcqRel)).then_some(Self(()))
    }
}

impl Drop for Only {
    fn drop(&mut self) {
        PUBLISHES.store(false, Ordering::Release);
    }
}

/// It has its name once it listens: who is refused there knows that nobody will ever answer.
fn listen(path: &PathBuf) -> io::Result<UnixListener> {
    let fresh = path.with_extension("new");
    // What a process with the same number has left.
    let _ = std::fs::remove_file(&fresh);
    let listener = UnixListener::bind(&fresh)?;
    let named = listener.set_nonblocking(true).and_then(|()| std::fs::rename(&fresh, path));
    // The error says more than that it is still there.
    let cleared = |_: &io::Error| drop(std::fs::remove_file(&fresh));
    named.inspect_err(cleared).map(|()| listener)
}

/// Answers until `stopped` has no other end.
fn serve(listener: &UnixListener, stopped: &PipeReader) {
    loop {
        match wait(listener, PollFlags::POLLIN, stopped, None) {
            Ok(Ready::Stopped) => return,
            Ok(Ready::There | Ready::Late) => {}
            Err(errno) => return debug!(%errno, "publishing has stopped"),
        }
        let answered = match listener.accept() {
            Ok((stream, _)) => answer(stream, stopped),
            Err(error) => Err(error),
        };
        if let Err(error) = answered {
            debug!(%error, "a reader got no answer");
        }
    }
}

fn answer(mut stream: UnixStream, stopped: &PipeReader) -> io::Result<()> {
    let picture = serde_json::to_vec(&PublishedProcess::take())?;
    stream.set_nonblocking(true)?;
    let deadline = Instant::now() + PATIENCE;
    let mut rest = &picture[..];
    while !rest.is_empty() {
        match stream.write(rest) {
            Ok(written) => rest = &rest[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                match wait(&stream, PollFlags::POLLOUT, stopped, Some(deadline))? {
                    Ready::There => {}
                    Ready::Late => return Err(ErrorKind::TimedOut.into()),
                    Ready::Stopped => return Ok(()),
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

enum Ready {
    There,
    Late,
    Stopped,
}

fn wait(
    source: &impl AsFd,
    flags: PollFlags,
    stopped: &PipeReader,
    deadline: Option<Instant>,
) -> Result<Ready, Errno> {
    loop {
        let mut sources =
            [PollFd::new(source.as_fd(), flags), PollFd::new(stopped.as_fd(), PollFlags::POLLIN)];
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout =
            left.map_or(PollTimeout::NONE, |left| PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX));
        match poll(&mut sources, timeout) {
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno),
            Ok(0) => return Ok(Ready::Late),
            Ok(_) => {}
        }
        let [source, stopped] = sources.map(|source| source.any() == Some(true));
        return Ok(if stopped {
            Ready::Stopped
        } else if source {
            Ready::There
        } else {
            Ready::Late
        });
    }
}
