//! Asking all who publish.
//!
//! Never here: waiting for one that does not answer.

use std::io::{self, ErrorKind, Read};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};
use procfs::process::Process;
use tracing::debug;

use super::directory::run_time_directory;
use super::picture::PublishedProcess;
use crate::words::with_cause;

/// How long nothing may come, and how long a process may not listen, in seconds.
const PATIENCE_S: i64 = 1;

/// More than any picture has, in bytes.
const LONGEST: u64 = 64 << 20;

/// Why it is not known who publishes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishedError {
    /// The run-time directory.
    #[error("cannot look into {}", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

with_cause!(PublishedError);

impl PublishedError {
    /// What a person can do about it.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Directory { .. } => Some(
                "set XDG_RUNTIME_DIR to the directory of the user whose sandboxes are looked for".to_owned(),
            ),
        }
    }
}

/// What the processes of this user have that [publish](super::publish) it, by their numbers: those that share the run-time
/// directory. One that does not answer within a second is left out; the sockets of those that are dead are removed.
///
/// # Errors
/// [`PublishedError`].
pub fn published() -> Result<Vec<PublishedProcess>, PublishedError> {
    let Some(path) = run_time_directory() else { return Ok(Vec::new()) };
    let sockets = match sockets(&path) {
        Ok(sockets) => sockets,
        // Nobody has ever published.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(PublishedError::Directory { path, source }),
    };
    let mut found: Vec<_> = sockets.filter_map(|(_, socket)| ask(&socket)).collect();
    found.sort_by_key(|process| process.pid);
    Ok(found)
}

/// Removes the sockets of processes that are gone, without asking those that live.
pub(super) fn clear(directory: &Path) {
    let is_gone = |pid: u32| !i32::try_from(pid).is_ok_and(|pid| Process::new(pid).is_ok());
    for (pid, socket) in sockets(directory).into_iter().flatten() {
        // It may live in another pid namespace.
        if is_gone(pid) && matches!(open(&socket), Err(Errno::ECONNREFUSED)) {
            remove(&socket);
        }
    }
}

/// With the numbers of their processes.
fn sockets(directory: &Path) -> io::Result<impl Iterator<Item = (u32, PathBuf)> + use<>> {
    let entries = std::fs::read_dir(directory)?.flatten().map(|entry| entry.path());
    Ok(entries.filter_map(|path| {
        let name = path.file_name()?.to_str()?;
        let pid = name.strip_suffix(".sock")?.parse().ok()?;
        Some((pid, path))
    }))
}

fn ask(socket: &Path) -> Option<PublishedProcess> {
    let heard = open(socket).map_err(io::Error::from).and_then(|mut stream| {
        let mut picture = Vec::new();
        stream.by_ref().take(LONGEST).read_to_end(&mut picture)?;
        Ok(serde_json::from_slice(&picture)?)
    });
    match heard {
        Ok(process) => Some(process),
        Err(error) => {
            debug!(%error, path = %socket.display(), "a process did not answer");
            // Whoever has such a name listens, or is dead.
            if error.kind() == ErrorKind::ConnectionRefused {
                remove(socket);
            }
            None
        }
    }
}

fn remove(socket: &Path) {
    if let Err(error) = std::fs::remove_file(socket) {
        debug!(%error, path = %socket.display(), "the socket of a dead process stays");
    }
}

/// A stream that waits no longer than this, not for being accepted either.
fn open(path: &Path) -> Result<UnixStream, Errno> {
    let stream = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    let patience = TimeVal::seconds(PATIENCE_S);
    setsockopt(&stream, sockopt::SendTimeout, &patience)?;
    setsockopt(&stream, sockopt::ReceiveTimeout, &patience)?;
    connect(stream.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(stream.into())
}
