//! The event loop: connections and, for a while, a snapshot, polled alike.

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use zeroboot_fork::monotonic_ns;
use zeroboot_fork::snapshot::{Bytes, Priority, Saved, Snapshot, SnapshotOptions};

use crate::client::{DONE, GET, REQUEST, SET};
use crate::store::{KEY, Store};

/// For how long the clients write before the store saves itself.
const BEFORE: Duration = Duration::from_secs(1);

/// What takes longer than this has gone wrong.
const AT_MOST: Duration = Duration::from_secs(100);

/// How often the loop looks at the clock when nothing happens, in milliseconds.
const TICK: u8 = 100;

/// What the store knows of its save.
pub(crate) struct Save {
    pub(crate) fork_time: Duration,
    pub(crate) saved: Saved,
    /// Since when all clients are there, in nanoseconds of the clock that all processes share.
    pub(crate) serving_since: u64,
    /// From when to when the save was.
    pub(crate) begun: u64,
    pub(crate) ended: u64,
}

/// Serves `clients` connections, saves the store into `file` meanwhile, and then ends them.
pub(crate) fn serve(
    store: &mut Store,
    listener: &TcpListener,
    clients: usize,
    file: &Path,
) -> Result<Save, Box<dyn Error>> {
    let deadline = Instant::now() + AT_MOST;
    let mut connections = accept(listener, clients, deadline)?;
    let serving_since = monotonic_ns();
    let saves_at = Instant::now() + BEFORE;
    while Instant::now() < saves_at {
        let ready = wait(connections.iter().map(|connection| &connection.stream))?;
        serve_those(&mut connections, &ready, store)?;
    }

    let begun = monotonic_ns();
    let options = SnapshotOptions {
        expected: Some(Bytes(store.serialised())),
        priority: Priority::Lowest,
        ..SnapshotOptions::default()
    };
    let mut snapshot = Snapshot::start(file, &options, |out| store.serialise(out))?;
    loop {
        let streams = connections.iter().map(|connection| connection.stream.as_fd());
        let ready = wait(streams.chain([snapshot.as_fd()]))?;
        // The last one is the snapshot's, which belongs to no connection.
        serve_those(&mut connections, &ready, store)?;
        if let Some(saved) = snapshot.try_wait()? {
            let (fork_time, ended) = (snapshot.fork_time(), monotonic_ns());
            return Ok(Save { fork_time, saved, serving_since, begun, ended });
        }
        if Instant::now() > deadline {
            let progress = snapshot.progress()?;
            snapshot.cancel()?;
            return Err(format!("saving takes too long: {progress:?}").into());
        }
    }
}

struct Connection {
    stream: TcpStream,
    request: [u8; REQUEST],
    filled: usize,
}

fn accept(
    listener: &TcpListener,
    clients: usize,
    deadline: Instant,
) -> Result<Vec<Connection>, Box<dyn Error>> {
    let mut connections = Vec::new();
    while connections.len() < clients {
        if Instant::now() > deadline {
            return Err("the clients do not come".into());
        }
        if wait([listener])? != [0] {
            continue;
        }
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        connections.push(Connection { stream, request: [0; REQUEST], filled: 0 });
    }
    Ok(connections)
}

/// Which of these are readable: their places.
fn wait<F: AsFd>(descriptors: impl IntoIterator<Item = F>) -> Result<Vec<usize>, Errno> {
    let descriptors: Vec<F> = descriptors.into_iter().collect();
    let mut fds: Vec<_> =
        descriptors.iter().map(|descriptor| PollFd::new(descriptor.as_fd(), PollFlags::POLLIN)).collect();
    match poll(&mut fds, PollTimeout::from(TICK)) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => return Err(errno),
    }
    let places = fds.iter().enumerate().filter(|(_, fd)| fd.any().unwrap_or(false));
    Ok(places.map(|(place, _)| place).collect())
}

fn serve_those(
    connections: &mut [Connection],
    ready: &[usize],
    store: &mut Store,
) -> Result<(), Box<dyn Error>> {
    for place in ready {
        if let Some(connection) = connections.get_mut(*place) {
            connection.serve(store)?;
        }
    }
    Ok(())
}

impl Connection {
    /// Reads what has come; answers when it is a whole request. A client has one request under way, so the answer finds room.
    fn serve(&mut self, store: &mut Store) -> Result<(), Box<dyn Error>> {
        match self.stream.read(&mut self.request[self.filled..]) {
            Ok(0) => return Err("a client has left".into()),
            Ok(length) => self.filled += length,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(error.into()),
        }
        if self.filled < REQUEST {
            return Ok(());
        }
        self.filled = 0;
        let (what, rest) = self.request.split_first().ok_or("an empty request")?;
        let (key, value) = rest.split_first_chunk::<KEY>().ok_or("a short request")?;
        let key = u64::from_ne_bytes(*key);
        match *what {
            SET => {
                store.set(key, value.try_into()?);
                self.stream.write_all(&[DONE])?;
            }
            GET => self.stream.write_all(store.get(key).ok_or("no such key")?)?,
            _ => return Err("a request of an unknown kind".into()),
        }
        Ok(())
    }
}
