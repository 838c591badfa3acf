//! Counting and naming the threads of this process.

use std::fmt;
use std::fs;
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

/// Counts threads by one system call: the directory `/proc/self/task` has a link for each, and two of its own.
#[derive(Debug)]
pub(crate) struct ThreadCount {
    directory: OwnedFd,
}

impl ThreadCount {
    pub(crate) fn open() -> Result<Self, Errno> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(Self { directory: open("/proc/self/task", flags, Mode::empty())? })
    }

    pub(crate) fn now(&self) -> Result<u64, Errno> {
        Ok(fstat(&self.directory)?.st_nlink.saturating_sub(2))
    }
}

/// All threads, this one first. A thread that ends meanwhile is left out.
pub(crate) fn list() -> Vec<Thread> {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return Vec::new() };
    let mut threads: Vec<Thread> = tasks
        .filter_map(|task| {
            let task = task.ok()?;
            let tid = task.file_name().to_str()?.parse().ok()?;
            let name = fs::read_to_string(task.path().join("comm")).ok()?;
            Some(Thread { tid, name: name.trim_end().to_owned() })
        })
        .collect();
    let this = nix::unistd::gettid().as_raw().unsigned_abs();
    threads.sort_by_key(|thread| (thread.tid != this, thread.tid));
    threads
}
