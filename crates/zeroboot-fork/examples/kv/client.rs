//! A client: nine writes and a read of what was written last, again and again, until the store ends the connection.

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use zeroboot_fork::monotonic_ns;

use crate::store::{KEY, VALUE, value};

/// A request as it travels: what, which key, and a value, which counts for writes only.
pub(crate) const REQUEST: usize = 1 + KEY + VALUE;
pub(crate) const SET: u8 = b'S';
pub(crate) const GET: u8 = b'G';
/// The answer to a write; that to a read is the value.
pub(crate) const DONE: u8 = b'+';

/// One request, in nanoseconds of the clock that all processes share.
pub(crate) struct Sample {
    pub(crate) asked: u64,
    pub(crate) answered: u64,
}

impl Sample {
    pub(crate) fn all(bytes: &[u8]) -> impl Iterator<Item = Self> {
        let (words, _) = bytes.as_chunks();
        let (pairs, _) = words.as_chunks();
        pairs.iter().map(|pair: &[[u8; 8]; 2]| {
            let [asked, answered] = pair.map(u64::from_ne_bytes);
            Self { asked, answered }
        })
    }
}

/// Writes its samples to standard output at the end.
pub(crate) fn run(address: &str, keys: u64) -> Result<(), Box<dyn Error>> {
    let mut store = TcpStream::connect(address)?;
    store.set_nodelay(true)?;
    // A store that hangs does not keep its clients.
    store.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut random = u64::from(std::process::id()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut samples = Vec::new();
    for round in 1.. {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let key = random % keys;
        let asked = monotonic_ns();
        if !ask(&mut store, SET, key, &value(round), &mut [0])? {
            break;
        }
        samples.extend([asked, monotonic_ns()]);
        if round % 10 == 0 {
            let mut found = [0; VALUE];
            if !ask(&mut store, GET, key, &found.clone(), &mut found)? {
                break;
            }
            // Another client may have written since, but never half a value.
            if found.chunks_exact(8).any(|word| word != &found[..8]) {
                return Err("a mixture of two values".into());
            }
        }
    }
    let bytes: Vec<_> = samples.into_iter().flat_map(u64::to_ne_bytes).collect();
    io::stdout().write_all(&bytes)?;
    Ok(())
}

/// Whether there was an answer; none when the store has ended the connection.
fn ask(
    store: &mut TcpStream,
    what: u8,
    key: u64,
    value: &[u8; VALUE],
    answer: &mut [u8],
) -> io::Result<bool> {
    let mut request = [what; REQUEST];
    request[1..=KEY].copy_from_slice(&key.to_ne_bytes());
    request[1 + KEY..].copy_from_slice(value);
    match store.write_all(&request).and_then(|()| store.read_exact(answer)) {
        Ok(()) => Ok(true),
        Err(error) => match error.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => Ok(false),
            _ => Err(error),
        },
    }
}
