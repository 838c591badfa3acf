//! Serves the numbers of this program's sandboxes to Prometheus, with the standard library alone:
//! `cargo run --release -p zeroboot --example serve_metrics [ADDRESS]`, and then `curl http://127.0.0.1:9464/metrics`.
//!
//! Meanwhile it runs sandboxes from a pool, so that there is something to see, here and in `zeroboot top`. A Grafana
//! dashboard for these numbers is in `docs/grafana.json`.

#![allow(clippy::print_stdout, reason = "an example that says where it listens")]

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use zeroboot::Template;

/// More than any request has that is meant for this, in bytes.
const LONGEST: u64 = 16 << 10;

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9464".to_owned());
    let listener = TcpListener::bind(address)?;
    let pool = Template::python().without_site().build()?.pool(4)?;
    let _publisher = zeroboot::publish()?;
    println!("http://{}/metrics", listener.local_addr()?);
    thread::spawn(move || {
        loop {
            if let Err(error) = pool.run("print(sum(range(100_000)))") {
                println!("{}", error.cause());
            }
            thread::sleep(Duration::from_millis(20));
        }
    });
    for stream in listener.incoming() {
        // Whoever asks and does not wait for the answer has none.
        let _ = stream.and_then(answer);
    }
    Ok(())
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.set_write_timeout(Some(Duration::from_secs(1)))?;
    let mut lines = BufReader::new(stream.try_clone()?.take(LONGEST)).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    // To the end of the headers: what is left unread would cut the answer off.
    lines.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
    let (status, body) = match request.split(' ').collect::<Vec<_>>()[..] {
        ["GET", "/metrics", _] => ("200 OK", zeroboot::prometheus()),
        _ => ("404 Not Found", "the numbers are at /metrics\n".to_owned()),
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}
