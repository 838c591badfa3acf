//! Reading how many faults there were, and nothing else: one system call on a descriptor that stays open, and no allocation.
//!
//! Never here: figures that a process gives about itself.

use std::os::fd::{BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;
use nix::sys::uio::pread;
use nix::unistd::Pid;

use crate::counters::Stat;
use crate::directory::Directory;
use crate::error::{SampleError, Source};
use crate::ranges::number;

/// More than the fields up to the faults take in `stat`, in bytes.
const PROCESS: usize = 512;

/// More than `memory.stat` and `/proc/vmstat` are long, in bytes: the kernel gives a page at most.
const LONGEST: usize = 8192;

/// Why faults cannot be counted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CountError {
    /// The process.
    #[error(transparent)]
    Process(#[from] SampleError),
    /// Opening the file.
    #[error("cannot open {file}")]
    Open {
        /// Its name.
        file: &'static str,
        /// What the kernel said.
        #[source]
        source: Errno,
    },
    /// What was counted is there no more.
    #[error("what is counted in {0} is gone")]
    Gone(&'static str),
    /// Reading the file.
    #[error("cannot read {file}")]
    Read {
        /// Its name.
        file: &'static str,
        /// What the kernel said.
        #[source]
        source: Errno,
    },
    /// It does not look as the kernel's manual says.
    #[error("{0} is not as expected")]
    Format(&'static str),
}

/// Counts the faults of a process, or of all processes in a cgroup.
#[derive(Debug)]
pub struct FaultCounter {
    file: OwnedFd,
    of: Of,
}

#[derive(Debug, Clone, Copy)]
enum Of {
    Process,
    Cgroup,
}

impl FaultCounter {
    /// Counts those of all threads of process `pid`, a number in the pid namespace of the caller's `/proc`; those of its
    /// children are not among them. Takes about 1.2 µs a reading.
    ///
    /// `pid` must be held still while this is made. Afterwards a number that is used again is not taken for the process.
    /// A fork starts at zero.
    ///
    /// # Errors
    /// [`CountError::Process`].
    ///
    /// Manual: `proc_pid_stat(5)`.
    pub fn of_process(pid: Pid) -> Result<Self, CountError> {
        let directory = Directory::of(pid)?;
        let file = directory.open(Source::Stat).map_err(|errno| directory.error(Source::Stat, errno))?;
        Ok(Self { file, of: Of::Process })
    }

    /// Counts those of all processes in a cgroup v2 with a memory controller, by its directory.
    ///
    /// # Errors
    /// [`CountError::Open`]: without the controller there is no such file.
    ///
    /// Manual: [cgroup v2](https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files), `memory.stat`.
    pub fn of_cgroup(directory: BorrowedFd<'_>) -> Result<Self, CountError> {
        let of = Of::Cgroup;
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let file = openat(directory, of.file(), flags, Mode::empty())
            .map_err(|source| CountError::Open { file: of.file(), source })?;
        Ok(Self { file, of })
    }

    /// All faults until now, minor and major.
    ///
    /// # Errors
    /// [`CountError::Gone`] when the process was reaped or the cgroup removed; [`CountError::Read`],
    /// [`CountError::Format`].
    pub fn read(&self) -> Result<u64, CountError> {
        let name = self.of.file();
        let faults = match self.of {
            Of::Process => {
                let mut bytes = [0; PROCESS];
                let faults = Stat::faults(read_once(&self.file, name, &mut bytes)?);
                faults.map(|faults| faults.minor.saturating_add(faults.major))
            }
            Of::Cgroup => keyed(read_once(&self.file, name, &mut [0; LONGEST])?, b"pgfault"),
        };
        faults.ok_or(CountError::Format(name))
    }
}

impl Of {
    const fn file(self) -> &'static str {
        match self {
            Self::Process => "stat",
            Self::Cgroup => "memory.stat",
        }
    }
}

/// Counts the faults of the whole machine, in whatever namespace or cgroup.
#[derive(Debug)]
pub struct MachineFaults {
    file: OwnedFd,
}

const MACHINE: &str = "/proc/vmstat";

impl MachineFaults {
    /// Opens the machine's counter.
    ///
    /// # Errors
    /// [`CountError::Open`].
    ///
    /// Manual: `proc_vmstat(5)`.
    pub fn open() -> Result<Self, CountError> {
        let file = open(MACHINE, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(|source| CountError::Open { file: MACHINE, source })?;
        Ok(Self { file })
    }

    /// All faults since the machine was started: never fewer than its processes have had together. Takes about 10 µs.
    ///
    /// # Errors
    /// [`CountError::Read`], [`CountError::Format`].
    pub fn read(&self) -> Result<u64, CountError> {
        let mut bytes = [0; LONGEST];
        let text = read_once(&self.file, MACHINE, &mut bytes)?;
        keyed(text, b"pgfault").ok_or(CountError::Format(MACHINE))
    }
}

fn read_once<'a>(file: &OwnedFd, name: &'static str, bytes: &'a mut [u8]) -> Result<&'a [u8], CountError> {
    loop {
        match pread(file, bytes, 0) {
            Err(Errno::EINTR) => {}
            Err(Errno::ESRCH | Errno::ENODEV) => return Err(CountError::Gone(name)),
            Err(source) => return Err(CountError::Read { file: name, source }),
            Ok(length) => return Ok(&bytes[..length]),
        }
    }
}

/// The number in the line `key number`. The line must be whole: a text may end anywhere.
fn keyed(text: &[u8], key: &[u8]) -> Option<u64> {
    let mut lines = text.split_inclusive(|byte| *byte == b'\n');
    lines.find_map(|line| number(line.strip_prefix(key)?.strip_prefix(b" ")?.strip_suffix(b"\n")?, 10))
}

#[cfg(test)]
mod tests {
    use super::keyed;

    #[test]
    fn a_key_is_a_whole_word_and_a_line_is_a_whole_line() {
        let text = b"pgfaults 1\nanon 2\npgfault 33\npgmajfault 4";
        assert_eq!(keyed(text, b"pgfault"), Some(33));
        assert_eq!(keyed(text, b"pgmajfault"), None);
        assert_eq!(keyed(text, b"file"), None);
        assert_eq!(keyed(b"pgfault -3\n", b"pgfault"), None);
    }
}
