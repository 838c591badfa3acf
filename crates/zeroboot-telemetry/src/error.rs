//! What can go wrong when a sample is taken.

use std::fmt;

use nix::errno::Errno;
use nix::unistd::Pid;

/// The file of a process's directory in `/proc` that was being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The directory itself.
    Directory,
    /// `stat`: faults, CPU time, state.
    Stat,
    /// `status`: resident memory, page tables and peak.
    Status,
    /// `maps`: the mappings and their names.
    Maps,
    /// `pagemap`: the pages.
    Pagemap,
    /// `smaps_rollup`: sums over all mappings.
    SmapsRollup,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Directory => ".",
            Self::Stat => "stat",
            Self::Status => "status",
            Self::Maps => "maps",
            Self::Pagemap => "pagemap",
            Self::SmapsRollup => "smaps_rollup",
        })
    }
}

/// Why there is no sample, or no baseline.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    /// The process has been reaped, has never been, or is hidden from the caller (`hidepid`, another pid namespace).
    #[error("process {pid} does not exist")]
    Gone {
        /// The process asked about.
        pid: Pid,
    },
    /// The caller may not look at this process.
    #[error("no permission to read /proc/{pid}/{source_file}")]
    Permission {
        /// The process asked about.
        pid: Pid,
        /// The file that was refused.
        source_file: Source,
        /// What the kernel said.
        #[source]
        source: Errno,
    },
    /// The kernel was built without a file that is needed.
    #[error("this kernel has no /proc/{pid}/{source_file}")]
    Unsupported {
        /// The process asked about.
        pid: Pid,
        /// The missing file.
        source_file: Source,
    },
    /// A file could not be read.
    #[error("/proc/{pid}/{source_file} cannot be read")]
    Read {
        /// The process asked about.
        pid: Pid,
        /// The file in question.
        source_file: Source,
        /// What went wrong.
        #[source]
        source: Errno,
    },
    /// A file does not look as `proc(5)` says.
    #[error("/proc/{pid}/{source_file} is not as expected")]
    Format {
        /// The process asked about.
        pid: Pid,
        /// The file in question.
        source_file: Source,
    },
}

impl SampleError {
    /// What a person can do about it, when there is something.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Permission { .. } => Some(
                "run as the user that owns the process (its memory is hidden too while it is not dumpable), or \
                 with CAP_SYS_PTRACE in the process's user namespace",
            ),
            Self::Unsupported { .. } => {
                Some("use a kernel of version 4.5 or later that is built with CONFIG_PROC_PAGE_MONITOR")
            }
            Self::Gone { .. } | Self::Read { .. } | Self::Format { .. } => None,
        }
    }

    pub(crate) fn new(pid: Pid, source_file: Source, source: Errno) -> Self {
        match source {
            Errno::ENOENT if source_file == Source::Pagemap => Self::Unsupported { pid, source_file },
            Errno::ENOENT | Errno::ESRCH => Self::Gone { pid },
            Errno::EACCES | Errno::EPERM => Self::Permission { pid, source_file, source },
            source => Self::Read { pid, source_file, source },
        }
    }
}
