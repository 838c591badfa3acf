//! A small key-value store that saves itself while its clients write: what does it cost them?
//!
//! One thread, one event loop, TCP on the loopback. Its clients are processes of this same program, which write random keys as
//! fast as they are answered. After a second the store saves itself into a file; when that is done the clients end, and
//! tell how long each request took. Then the file is read back and removed.
//!
//! ```text
//! cargo run --release -p zeroboot-fork --example kv -- --size 1G
//! cargo run --release -p zeroboot-fork --example kv -- --size 256M --clients 4 --directory /var/tmp
//! ```

mod client;
mod report;
mod server;
mod store;

use std::error::Error;
use std::io::{self, Read};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use client::Sample;
use report::report;
use server::serve;
use store::{Store, check};

const USAGE: &str = "kv [--size 64M] [--clients 2] [--directory /tmp]";

#[derive(Debug)]
struct Arguments {
    size: usize,
    clients: usize,
    directory: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<_> = std::env::args().skip(1).collect();
    if let [role, address, keys] = &words[..]
        && role == "client"
    {
        return client::run(address, keys.parse()?);
    }
    let arguments = parse(words)?;
    let mut store = Store::fill(arguments.size);
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let mut clients = Clients::start(&arguments, &listener, &store)?;

    let file = arguments.directory.join(format!("kv-{}", std::process::id()));
    let outcome = serve(&mut store, &listener, arguments.clients, &file);
    let outcome = outcome.and_then(|save| {
        let values = check(&file)?;
        Ok((save, values))
    });
    // There is none where it was not saved.
    let _ = std::fs::remove_file(&file);
    let (save, values) = outcome?;
    report(&mut io::stdout().lock(), &store, values, &save, &clients.samples()?)?;
    Ok(())
}

fn parse(words: Vec<String>) -> Result<Arguments, Box<dyn Error>> {
    let mut arguments = Arguments { size: 64 << 20, clients: 2, directory: std::env::temp_dir() };
    let mut words = words.into_iter();
    while let Some(option) = words.next() {
        let value = words.next().ok_or(USAGE)?;
        match &*option {
            "--size" => arguments.size = parse_size(&value).ok_or(USAGE)?,
            "--clients" => arguments.clients = value.parse()?,
            "--directory" => arguments.directory = value.into(),
            _ => return Err(USAGE.into()),
        }
    }
    Ok(arguments)
}

/// `64M` or `1G`.
fn parse_size(text: &str) -> Option<usize> {
    let shift = match text.chars().last()? {
        'M' => 20,
        'G' => 30,
        _ => return None,
    };
    let number: usize = text[..text.len() - 1].parse().ok()?;
    number.checked_mul(1 << shift)
}

/// The client processes: they end when their connection does.
struct Clients(Vec<Child>);

impl Clients {
    fn start(arguments: &Arguments, listener: &TcpListener, store: &Store) -> Result<Self, Box<dyn Error>> {
        let (program, address) = (std::env::current_exe()?, listener.local_addr()?.to_string());
        let keys = store.len().to_string();
        let mut clients = Self(Vec::new());
        for _ in 0..arguments.clients {
            let mut command = Command::new(&program);
            command.args(["client", &address, &keys]).stdin(Stdio::null()).stdout(Stdio::piped());
            clients.0.push(command.spawn()?);
        }
        Ok(clients)
    }

    /// What all of them have measured.
    fn samples(&mut self) -> Result<Vec<Sample>, Box<dyn Error>> {
        let mut samples = Vec::new();
        for client in &mut self.0 {
            let mut bytes = Vec::new();
            client.stdout.take().ok_or("no samples")?.read_to_end(&mut bytes)?;
            samples.extend(Sample::all(&bytes));
            if !client.wait()?.success() {
                return Err("a client has failed".into());
            }
        }
        Ok(samples)
    }
}

impl Drop for Clients {
    /// None stays when the store has failed.
    fn drop(&mut self) {
        for client in &mut self.0 {
            let _ = client.kill();
            let _ = client.wait();
        }
    }
}
