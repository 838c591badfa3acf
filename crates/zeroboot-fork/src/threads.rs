//! Counting and naming the threads of this process.

use std::cell::Cell;
use std::fmt;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fstat};

/// A thread of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// Its id.
    pub tid: u32,
    /// Its name, as the kernel keeps it (15 bytes at most).
    pub name: String,
}

impl fmt::Display for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.tid)
    }
}

thread_local! {
    /// How many forks by this crate lie between the first process and this one. Beside the thread's control block, whose
    /// page a child writes to anyway.
    static GENERATION: Cell<u32> = const { Cell::new(0) };
}

/// To be called in the child: directories of `/proc/self` opened before speak of the parent from now on.
pub(crate) fn count_fork() {
    GENERATION.set(GENERATION.get().wrapping_add(1));
}

/// Counts threads by one system call: the directory `/proc/self/task` has a link for each, and two of its own.
#[derive(Debug)]
pub(crate) struct ThreadCount {
    directory: OwnedFd,
    generation: u32,
}

impl ThreadCount {
    pub(crate) fn open() -> Result<Self, Errno> {
        Ok(Self { directory: open_tasks()?, generation: GENERATION.get() })
    }

    pub(crate) fn now(&self) -> Result<u64, Errno> {
        let status =
            if self.generation == GENERATION.get() { fstat(&self.directory)? } else { fstat(open_tasks()?)? };
        Ok(status.st_nlink.saturating_sub(2))
    }
}

/// Why this thread is not the only one.
#[derive(Debug)]
pub(crate) enum NotAlone {
    Threads(Vec<Thread>),
    Count(Errno),
}

impl From<io::Error> for NotAlone {
    fn from(error: io::Error) -> Self {
        Self::Count(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
    }
}

/// The kernel still counts a thread for some microseconds after it was joined.
pub(crate) fn await_one(count: &ThreadCount) -> Result<(), NotAlone> {
    /// Far more than a thread on its way out needs; only a main thread that left before the others stays for good.
    const YIELDS: usize = 1000;
    for _ in 0..YIELDS {
        if count.now().map_err(NotAlone::Count)? == 1 {
            return Ok(());
        }
        let running = running()?;
        if running.len() > 1 {
            return Err(NotAlone::Threads(running));
        }
        std::thread::yield_now();
    }
    Err(NotAlone::Threads(all()?))
}

/// Their names, in one line.
pub(crate) fn names(threads: &[Thread]) -> String {
    threads.iter().map(Thread::to_string).collect::<Vec<_>>().join(", ")
}

fn open_tasks() -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open("/proc/self/task", flags, Mode::empty())
}

/// All threads, this one first.
fn all() -> io::Result<Vec<Thread>> {
    Ok(read()?.into_iter().map(|(thread, _)| thread).collect())
}

/// All threads that run or may run again, this one first. One that was just joined is on its way out for some
/// microseconds more: no lock is its any longer.
fn running() -> io::Result<Vec<Thread>> {
    let threads = read()?.into_iter().filter(|(_, life)| *life == Life::Running);
    Ok(threads.map(|(thread, _)| thread).collect())
}

/// The running threads but this one.
pub(crate) fn others() -> io::Result<Vec<Thread>> {
    let this = own_id();
    let mut threads = running()?;
    threads.retain(|thread| thread.tid != this);
    Ok(threads)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    Running,
    Exiting,
}

fn read() -> io::Result<Vec<(Thread, Life)>> {
    let mut threads = Vec::new();
    for task in fs::read_dir("/proc/self/task")? {
        match fs::read(task?.path().join("stat")) {
            Ok(stat) => threads.extend(parse(&String::from_utf8_lossy(&stat))),
            // It has ended meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
            Err(error) => return Err(error),
        }
    }
    let this = own_id();
    threads.sort_by_key(|(thread, _)| (thread.tid != this, thread.tid));
    Ok(threads)
}

/// `tid (name) state ppid pgrp session tty tpgid flags ...`; the name may hold anything. See `proc_pid_stat(5)`.
fn parse(stat: &str) -> Option<(Thread, Life)> {
    const PF_EXITING: u64 = 4;
    let (tid, rest) = stat.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let flags: u64 = rest.split(' ').nth(6)?.parse().ok()?;
    let life = if flags & PF_EXITING == 0 { Life::Running } else { Life::Exiting };
    Some((Thread { tid: tid.parse().ok()?, name: name.to_owned() }, life))
}

/// The id of this thread in the pid namespace that `/proc` shows, which need not be the thread's own.
fn own_id() -> u32 {
    let shown = fs::read_link("/proc/thread-self").ok();
    let shown = shown.and_then(|path| path.file_name()?.to_str()?.parse().ok());
    shown.unwrap_or_else(|| nix::unistd::gettid().as_raw().unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_hold_anything() {
        let (thread, life) = parse("12 (a) b (c) S 1 12 12 0 -1 1077936132 0").expect("a line of stat");
        assert_eq!((thread.tid, thread.name.as_str()), (12, "a) b (c"));
        assert!(life == Life::Exiting);
        assert!(parse("13 (d) R 1 12 12 0 -1 1077936128 0").expect("a line of stat").1 == Life::Running);
    }
}
