//! What the benchmarks share: the floor, and the function that a Rust template is measured with.
//!
//! The floor is a bare `clone3` in a small process with one thread, to the child's first instruction. The measuring
//! program is neither small nor single-threaded, so a program of its own measures it: the example `floor` of
//! `zeroboot-fork`. Never here: statistics, and anything that decides what a figure means.

#![forbid(unsafe_code)]

pub mod heap;

use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use zeroboot_fork::monotonic_ns;

zeroboot::function! {
    name: "now",
    warm_up: || (),
    answer: |(): &(), (): ()| -> u64 { monotonic_ns() },
}

/// A process that measures bare forks of itself.
#[derive(Debug)]
pub struct Floor {
    process: Child,
    asks: ChildStdin,
    answers: ChildStdout,
}

/// Whether a process is frozen before it is forked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// As the allocator has made it.
    Plain,
    /// In a file, see [`zeroboot_fork::freeze`](mod@zeroboot_fork::freeze).
    Frozen,
}

impl Floor {
    /// Starts a small process.
    ///
    /// # Errors
    /// When the program, which the build has made, cannot be started.
    pub fn start() -> io::Result<Self> {
        Self::of(&mut Command::new(env!("ZEROBOOT_FLOOR")))
    }

    /// Starts a process that has written so much memory; it answers when that is done.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub fn with_memory(mebibytes: u32, memory: Memory) -> io::Result<Self> {
        let kind = match memory {
            Memory::Plain => "plain",
            Memory::Frozen => "frozen",
        };
        Self::of(Command::new(env!("ZEROBOOT_FORK_SIZE")).args([&mebibytes.to_string(), kind]))
    }

    fn of(program: &mut Command) -> io::Result<Self> {
        let mut process = program.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
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
