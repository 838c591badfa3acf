//! What an audit found, in words that name cause and remedy.

use std::fmt;
use std::os::fd::RawFd;

use super::descriptors::DescriptorKind;
use super::remedies::ThreadRemedy;
use super::timers::TimerKind;
use crate::threads::Thread;

/// What an audit found. Its text has one finding a line, and is empty for a process that is safe to fork.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Each of them; none is a matter of taste.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether nothing was found.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        self.findings.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.findings.iter().try_for_each(|finding| writeln!(f, "{finding}"))
    }
}

/// One thing that makes a fork unsafe. Its text is one line: the cause, then the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// Other threads than the one that asks.
    Threads {
        /// They.
        threads: Vec<Thread>,
        /// What keeps them from being there: at least one.
        remedies: Vec<ThreadRemedy>,
    },
    /// An open descriptor that all children would share.
    Descriptor {
        /// Its number.
        fd: RawFd,
        /// What it is.
        kind: DescriptorKind,
        /// Where `/proc/self/fd` points.
        target: String,
    },
    /// Memory that children would share with the template and with one another, by address.
    SharedMapping {
        /// The first byte.
        start: u64,
        /// One past the last byte.
        end: u64,
        /// The file behind it, as the kernel names it; `/dev/zero (deleted)` for anonymous memory.
        name: String,
    },
    /// A timer. Children do not inherit it.
    Timer {
        /// Which.
        kind: TimerKind,
    },
    /// An `io_uring(7)`: its rings are shared memory, and its requests belong to the process that made it.
    IoUring {
        /// The descriptors of rings.
        fds: Vec<RawFd>,
        /// How many mappings of rings there are.
        mappings: usize,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Threads { threads, remedies } => {
                let s = if threads.len() == 1 { "" } else { "s" };
                write!(
                    f,
                    "{} other thread{s} would be missing in a child, with all locks held: ",
                    threads.len()
                )?;
                list(f, threads.iter().map(|thread| Line(thread.to_string())))?;
                f.write_str("; ")?;
                list(f, remedies.iter())
            }
            Self::Descriptor { fd, kind, target } => {
                write!(f, "descriptor {fd} is {kind} ({}): {}; ", Line(target), kind.hazard())?;
                f.write_str("close it before the end of the warm-up, or name it as expected")
            }
            Self::SharedMapping { start, end, name } => write!(
                f,
                "{start:#x}-{end:#x} ({}) is writable memory shared by all children and the template; unmap it, or \
                 mark it MADV_DONTFORK",
                Line(if name.is_empty() { "no name" } else { name }),
            ),
            Self::Timer { kind } => {
                write!(f, "{kind} runs: it fires in the template and in no child; disarm it")
            }
            Self::IoUring { fds, mappings } => {
                f.write_str("an io_uring is open (descriptors: ")?;
                list(f, fds.iter())?;
                write!(
                    f,
                    "; mapped rings: {mappings}): children would submit requests in the template's name; tear it down \
                     before the end of the warm-up"
                )
            }
        }
    }
}

fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: impl Iterator<Item = T>) -> fmt::Result {
    for (index, item) in items.enumerate() {
        write!(f, "{}{item}", if index == 0 { "" } else { ", " })?;
    }
    Ok(())
}

/// Foreign text that stays on its line, and moves no cursor.
struct Line<T>(T);

impl<T: AsRef<str>> fmt::Display for Line<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.as_ref().chars() {
            if character.is_control() {
                write!(f, "{}", character.escape_default())?;
            } else {
                write!(f, "{character}")?;
            }
        }
        Ok(())
    }
}
