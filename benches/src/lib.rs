//! What the benchmarks share: the floor, and the function that a Rust template is measured with.
//!
//! The floor is a bare `clone3` in a small process with one thread, to the child's first instruction. The measuring
//! program is neither small nor single-threaded, so a program of its own measures it: the example `floor` of
//! `zeroboot-fork`. Never here: statistics, and anything that decides what a figure means.

#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use zeroboot_fork::monotonic_ns;

zeroboot::function! {
    name: "now",
    warm_up: || (),
    answer: |(): &(), (): ()| -> u64 { monotonic_ns() },
}

/// The process that measures the floor.
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
    /// When the program, which the build has made, cannot be started.
    pub fn start() -> io::Result<Self> {
        let mut process = Command::new(env!("ZEROBOOT_FLOOR"))
            .env_clear()
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
    /// When the process has ended.
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
