//! What the suite lays out on the host for attacks to reach.
//!
//! An attack that tries to reach "the host" needs something there that certainly answers: otherwise a refusal and an
//! empty place look alike. All of it is on loopback, in a temporary directory, or in the suite's own process, and goes
//! with it.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::path::Path;
use std::thread;

use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::mkfifo;
use serde::Serialize;
use tempfile::TempDir;

/// The variable of the secret in the environment of whoever starts sandboxes.
pub const SECRET_VARIABLE: &str = "ZEROBOOT_ATTACK_SECRET";

/// What every server says to whoever connects.
const GREETING: &[u8] = b"you reached the host";

/// Why something could not be laid out.
#[derive(Debug, thiserror::Error)]
#[error("cannot lay out {what} for the attacks: {source}")]
pub struct BaitError {
    what: &'static str,
    source: io::Error,
}

/// What is laid out. It is removed when this is dropped; the servers end with the process.
#[derive(Debug)]
pub struct Bait {
    secret: String,
    words: Words,
    /// Held for its removal only; its name stands in `words`.
    _directory: TempDir,
    /// Held open only, so that what is sent arrives somewhere.
    _datagrams: UnixDatagram,
}

/// What the programs are told, as a literal that is the same in JSON and in Python.
#[derive(Debug, Serialize)]
struct Words {
    pid: u32,
    /// The first word of the suite's own command line: a process of the same number may be another one.
    program: String,
    file: String,
    socket: String,
    #[serde(rename = "abstract")]
    name: String,
    datagram: String,
    port: u16,
    /// 0 where the host has no such address.
    port6: u16,
    /// Backwards, so that the program does not hold what it searches for.
    secret_reversed: String,
    calls: Vec<String>,
    /// Device and inode: a directory of the same name may be the sandbox's own.
    root_home: [u64; 2],
    /// A directory for a sandbox to show, as its owner has it.
    shown: String,
    /// What is in it.
    nodes: Vec<&'static str>,
}

impl Bait {
    /// Lays it out. `calls` are the system calls that the sandbox documents as allowed; empty where it says nothing.
    ///
    /// # Errors
    /// [`BaitError`] says what could not be made.
    pub fn lay(calls: Vec<String>) -> Result<Self, BaitError> {
        let failed = |what| move |source| BaitError { what, source };
        let mut random = [0; 16];
        fs::File::open("/dev/urandom")
            .and_then(|mut file| file.read_exact(&mut random))
            .map_err(failed("a secret"))?;
        let random: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let secret = format!("CANARY-{random}");

        let directory = tempfile::Builder::new()
            .prefix("zeroboot-attack-")
            .tempdir()
            .map_err(failed("a temporary directory"))?;
        let file = directory.path().join("canary");
        fs::write(&file, GREETING).map_err(failed("a file"))?;
        let socket = directory.path().join("socket");
        let listener = UnixListener::bind(&socket).map_err(failed("a unix socket"))?;
        greet(move || listener.accept().map(|(stream, _)| stream));

        let shown = directory.path().join("shown");
        let nodes = lay_out_shown(&shown).map_err(failed("a directory to be shown"))?;

        let name = format!("zeroboot-attack-{random}");
        let listener = SocketAddr::from_abstract_name(&name)
            .and_then(|address| UnixListener::bind_addr(&address))
            .map_err(failed("an abstract unix socket"))?;
        greet(move || listener.accept().map(|(stream, _)| stream));
        let datagram = format!("{name}-datagram");
        let datagrams = SocketAddr::from_abstract_name(&datagram)
            .and_then(|address| UnixDatagram::bind_addr(&address))
            .map_err(failed("an abstract datagram socket"))?;

        let words = Words {
            pid: std::process::id(),
            program: std::env::args().next().unwrap_or_default(),
            file: file.display().to_string(),
            socket: socket.display().to_string(),
            name,
            datagram,
            port: serve("127.0.0.1:0").map_err(failed("a server on loopback"))?,
            port6: serve("[::1]:0").unwrap_or(0),
            secret_reversed: secret.chars().rev().collect(),
            calls,
            root_home: fs::metadata("/root").map(|found| [found.dev(), found.ino()]).unwrap_or_default(),
            shown: shown.display().to_string(),
            nodes,
        };
        Ok(Self { secret, words, _directory: directory, _datagrams: datagrams })
    }

    /// The value of [`SECRET_VARIABLE`].
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// A directory with a named pipe and, where the suite may make one, a device that reads as zeroes.
    pub fn shown(&self) -> &str {
        &self.words.shown
    }

    /// What the programs are told.
    pub fn words(&self) -> String {
        serde_json::json!(self.words).to_string()
    }
}

/// The names of what could be made: an attack says itself what it lacks.
fn lay_out_shown(directory: &Path) -> io::Result<Vec<&'static str>> {
    fs::create_dir(directory)?;
    let everybody = Mode::from_bits_truncate(0o666);
    mkfifo(&directory.join("pipe"), everybody)?;
    let mut nodes = vec!["pipe"];
    // Only the host's root makes devices.
    if mknod(&directory.join("zero"), SFlag::S_IFCHR, everybody, makedev(1, 5)).is_ok() {
        nodes.push("zero");
    }
    // Whatever the mask is.
    for name in nodes.iter().chain(&["."]) {
        fs::set_permissions(directory.join(name), fs::Permissions::from_mode(0o777))?;
    }
    Ok(nodes)
}

fn serve(address: &str) -> io::Result<u16> {
    let listener = TcpListener::bind(address)?;
    let port = listener.local_addr()?.port();
    greet(move || listener.accept().map(|(stream, _)| stream));
    Ok(port)
}

/// Greets whoever comes, as long as the process lives.
fn greet<S: Write>(mut accept: impl FnMut() -> io::Result<S> + Send + 'static) {
    thread::spawn(move || {
        while let Ok(mut stream) = accept() {
            // Who leaves before the greeting has connected all the same.
            let _ = stream.write_all(GREETING);
        }
    });
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use std::io::Read;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixStream};

    use super::{Bait, GREETING};

    #[test]
    fn the_host_answers() {
        let bait = Bait::lay(Vec::new()).unwrap();
        let streams = [
            UnixStream::connect(&bait.words.socket).unwrap(),
            UnixStream::connect_addr(&SocketAddr::from_abstract_name(&bait.words.name).unwrap()).unwrap(),
        ];
        for mut stream in streams {
            let mut text = Vec::new();
            stream.read_to_end(&mut text).unwrap();
            assert_eq!(text, GREETING);
        }
        assert!(std::net::TcpStream::connect(("127.0.0.1", bait.words.port)).is_ok());
    }

    #[test]
    fn the_secret_is_not_told() {
        let bait = Bait::lay(Vec::new()).unwrap();
        assert!(!bait.words().contains(bait.secret()));
    }
}
