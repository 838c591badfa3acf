//! What the system-call filters cost: to install, by their length, and at each call afterwards.
//!
//! ```text
//! cargo run --release -p zeroboot-isolation --example filter_cost
//! ```
//!
//! Each sample is taken in a thread of its own, since a filter stays: it is installed on the calling thread alone. The
//! shapes take turns.

use std::error::Error;
use std::hint::black_box;
use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use zeroboot_isolation::child::OwnUser;
use zeroboot_isolation::filter::{CompiledFilter, Filters};
use zeroboot_isolation::sockets::Sockets;

const ROUNDS: usize = 500;

/// How many calls are timed at once.
const CALLS: u32 = 2000;

/// Filters on one thread: those that are there already, and the one whose installation is timed.
struct Shape<'a> {
    name: &'a str,
    inherited: &'a [&'a CompiledFilter],
    installed: Option<&'a CompiledFilter>,
}

/// To install, and for one call below all of them.
#[derive(Default)]
struct Times {
    install: Vec<Duration>,
    call: Vec<Duration>,
}

fn main() -> Result<(), Box<dyn Error>> {
    // A filter needs it; threads inherit it.
    nix::sys::prctl::set_no_new_privs()?;
    let Filters { base, delta } = Filters::compile(Sockets::Pairs, OwnUser::Yes)?;
    let shapes = [
        Shape { name: "no filter", inherited: &[], installed: None },
        Shape { name: "delta alone", inherited: &[], installed: Some(&delta) },
        Shape { name: "base alone, in each child", inherited: &[], installed: Some(&base) },
        Shape { name: "delta below an inherited base", inherited: &[&base], installed: Some(&delta) },
    ];
    let mut times: Vec<Times> = shapes.iter().map(|_| Times::default()).collect();
    for _ in 0..ROUNDS {
        for (shape, times) in shapes.iter().zip(&mut times) {
            let (install, call) = thread::scope(|scope| scope.spawn(|| sample(shape)).join())
                .map_err(|_| "a thread panicked")??;
            times.install.push(install);
            times.call.push(call);
        }
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{:30} {:>12} {:>12} {:>12}", "", "instructions", "install us", "a call ns")?;
    for (shape, mut times) in shapes.iter().zip(times) {
        let length = shape.installed.map_or(0, CompiledFilter::len);
        let install = median(&mut times.install).as_secs_f64() * 1e6;
        let call = median(&mut times.call).as_secs_f64() * 1e9;
        writeln!(out, "{:30} {length:12} {install:12.1} {call:12.1}", shape.name)?;
    }
    Ok(())
}

fn sample(shape: &Shape<'_>) -> Result<(Duration, Duration), nix::errno::Errno> {
    shape.inherited.iter().try_for_each(|filter| filter.install())?;
    let before = Instant::now();
    shape.installed.map_or(Ok(()), CompiledFilter::install)?;
    let install = before.elapsed();
    let before = Instant::now();
    for _ in 0..CALLS {
        black_box(nix::unistd::getppid());
    }
    Ok((install, before.elapsed() / CALLS))
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
