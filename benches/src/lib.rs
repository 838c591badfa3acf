//! What the benchmarks share: the floor and other bare forks, the functions that Rust templates are measured with, and how much
//! memory is left.
//!
//! The floor is a bare `clone3` in a small process with one thread, to the child's first instruction. The measuring
//! program is neither small nor single-threaded, so programs of their own measure it and its like: the examples of
//! `zeroboot-fork`. Never here: statistics, and anything that decides what a figure means.

#![forbid(unsafe_code)]

use std::hint::black_box;
use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use zeroboot_fork::monotonic_ns;

pub mod memory;

zeroboot::function! {
    name: "now",
    warm_up: || (),
    answer: |(): &(), (): ()| -> u64 { monotonic_ns() },
}

/// How much is written in a storm, in bytes: 100 MiB.
pub const STORM: usize = 100 << 20;

zeroboot::function! {
    name: "rewrite",
    warm_up: || Aligned::written(STORM),
    answer: |memory: &Aligned, (): ()| -> u64 { memory.rewrite() },
}

zeroboot::function! {
    name: "rewrite_declared",
    warm_up: || {
        let memory = Aligned::written(STORM);
        zeroboot::write_heavy(memory.bytes());
        memory
    },
    answer: |memory: &Aligned, (): ()| -> u64 { memory.rewrite() },
}

zeroboot::function! {
    name: "allocate",
    warm_up: || (),
    answer: |(): &(), (): ()| -> u64 {
        let memory = black_box(vec![1_u8; STORM]);
        let written = monotonic_ns();
        // To free it is no part of what is measured.
        drop(memory);
        written
    },
}

/// Memory that begins at a boundary of huge pages.
struct Aligned {
    memory: Vec<AtomicU8>,
    first: usize,
    length: usize,
}

impl Aligned {
    /// Not zero, so that each page has memory of its own.
    fn written(length: usize) -> Self {
        const BOUNDARY: usize = 2 << 20;
        let memory: Vec<_> = (0..length + BOUNDARY).map(|_| AtomicU8::new(1)).collect();
        let first = memory.as_ptr().align_offset(BOUNDARY).min(BOUNDARY);
        Self { memory, first, length }
    }

    fn bytes(&self) -> &[AtomicU8] {
        &self.memory[self.first..self.first + self.length]
    }

    /// A byte of each page; when that was done, as [`monotonic_ns`] has it.
    fn rewrite(&self) -> u64 {
        self.bytes().iter().step_by(4096).for_each(|byte| byte.store(2, Ordering::Relaxed));
        monotonic_ns()
    }
}

/// A process that measures bare forks of itself.
#[derive(Debug)]
pub struct Floor(Measuring);

/// A process that measures how long its forks take to rewrite what it has written: [`STORM`].
#[derive(Debug)]
pub struct Storm(Measuring);

/// What is done about what forks will rewrite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing.
    Plain,
    /// It is in a file, see [`zeroboot_fork::freeze`](mod@zeroboot_fork::freeze).
    Frozen,
    /// A fork asks for all of it at once, by `MADV_POPULATE_WRITE`.
    Populated,
    /// The fork itself copies what was written, see [`zeroboot_fork::working_set`].
    Pinned,
    /// The child copies all of it at one go, see [`zeroboot_fork::freeze::WriteHeavy`].
    Bulk,
}

impl Remedy {
    /// All, in the order in which they are told.
    pub const ALL: [Self; 5] = [Self::Plain, Self::Frozen, Self::Populated, Self::Pinned, Self::Bulk];

    /// As the program that measures calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Frozen => "frozen",
            Self::Populated => "populated",
            Self::Pinned => "pinned",
            Self::Bulk => "bulk",
        }
    }
}

/// A program that measures once for each byte that it reads.
#[derive(Debug)]
struct Measuring {
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
        Measuring::start(&mut Command::new(env!("ZEROBOOT_FLOOR"))).map(Self)
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
        let mut program = Command::new(env!("ZEROBOOT_FORK_SIZE"));
        Measuring::start(program.args([&mebibytes.to_string(), kind])).map(Self)
    }

    /// One fork: from the call to the child's first instruction.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn measure(&mut self) -> io::Result<Duration> {
        self.0.ask().map(|[nanoseconds]| Duration::from_nanos(nanoseconds))
    }
}

impl Storm {
    /// Starts it. Its forks rewrite so many of 100 pages.
    ///
    /// # Errors
    /// When the program, which the build has made, cannot be started.
    pub fn start(remedy: Remedy, percent: u32) -> io::Result<Self> {
        let mebibytes = (STORM >> 20).to_string();
        let mut program = Command::new(env!("ZEROBOOT_STORM"));
        Measuring::start(program.args([&mebibytes, remedy.name(), &percent.to_string()])).map(Self)
    }

    /// One storm: from the call of the fork to the last write, and the child's page faults.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn measure(&mut self) -> io::Result<(Duration, u64)> {
        self.0.ask().map(|[nanoseconds, faults]| (Duration::from_nanos(nanoseconds), faults))
    }
}

impl Measuring {
    fn start(program: &mut Command) -> io::Result<Self> {
        let mut process = program.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let missing = || io::Error::other("a pipe is missing");
        let asks = process.stdin.take().ok_or_else(missing)?;
        let answers = process.stdout.take().ok_or_else(missing)?;
        Ok(Self { process, asks, answers })
    }

    /// One measurement, of so many numbers.
    fn ask<const NUMBERS: usize>(&mut self) -> io::Result<[u64; NUMBERS]> {
        self.asks.write_all(b"?")?;
        let mut numbers = [0; NUMBERS];
        for number in &mut numbers {
            let mut bytes = [0; 8];
            self.answers.read_exact(&mut bytes)?;
            *number = u64::from_ne_bytes(bytes);
        }
        Ok(numbers)
    }
}

impl Drop for Measuring {
    fn drop(&mut self) {
        // Its work is over; how it ends changes no figure.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
