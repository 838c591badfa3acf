//! What the benchmarks share: the floor, and the function that a Rust template is measured with.
//!
//! The floor is a bare `clone3` in a small process with one thread, to the child's first instruction. The measuring
//! program has a template and may have threads, so the floor is measured by a second, small process: the program starts
//! itself again. Never here: statistics, and anything that decides what a figure means.

#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use zeroboot_fork::{ForkOptions, ForkPlan, Forked, leave, monotonic_ns};

zeroboot::function! {
    name: "now",
    warm_up: || (),
    answer: |(): &(), (): ()| -> u64 { monotonic_ns() },
}

/// What the second process finds in its environment.
const ROLE: &str = "ZEROBOOT_BENCH_FLOOR";

/// First line of `main` in every benchmark: in a template or in the second process it does not return.
///
/// # Errors
/// What went wrong in the second process.
pub fn init() -> io::Result<()> {
    zeroboot::init();
    if std::env::var_os(ROLE).is_some() {
        serve()?;
        std::process::exit(0);
    }
    Ok(())
}

/// The second process.
#[derive(Debug)]
pub struct Floor {
    process: Child,
    asks: ChildStdin,
    answers: ChildStdout,
}

impl Floor {
    /// Starts it.
    ///
    /// # Errors
    /// When this program cannot be started again.
    pub fn start() -> io::Result<Self> {
        let mut process = Command::new("/proc/self/exe")
            .env(ROLE, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let missing = || io::Error::other("a pipe is missing");
        let asks = process.stdin.take().ok_or_else(missing)?;
        let answers = process.stdout.take().ok_or_else(missing)?;
        Ok(Self { process, asks, answers })
    }

    /// One fork: from the call to the child's first instruction.
    ///
    /// # Errors
    /// When the second process has ended.
    pub fn measure(&mut self) -> io::Result<Duration> {
        self.asks.write_all(b"?")?;
        let mut answer = [0; 8];
        self.answers.read_exact(&mut answer)?;
        Ok(Duration::from_nanos(u64::from_ne_bytes(answer)))
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        // Its work is over; how it ends changes no figure.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn serve() -> io::Result<()> {
    let (mut near, mut far) = io::pipe()?;
    let plan = ForkPlan::prepare(ForkOptions::default()).map_err(io::Error::other)?;
    let (mut asks, mut answers) = (io::stdin(), io::stdout());
    let mut ask = [0; 1];
    while asks.read(&mut ask)? == 1 {
        let before = monotonic_ns();
        match plan.fork().map_err(io::Error::other)? {
            Forked::Child(_) => {
                let now = monotonic_ns();
                let told = far.write_all(&now.to_ne_bytes());
                leave(u8::from(told.is_err()));
            }
            Forked::Parent(mut child) => {
                let mut word = [0; 8];
                near.read_exact(&mut word)?;
                child.wait().map_err(io::Error::from)?;
                let took = u64::from_ne_bytes(word).saturating_sub(before);
                answers.write_all(&took.to_ne_bytes())?;
                answers.flush()?;
            }
        }
    }
    Ok(())
}
