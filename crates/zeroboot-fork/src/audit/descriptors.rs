//! Open descriptors, by kind.

use std::fmt;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};

/// What an open descriptor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DescriptorKind {
    /// A socket of any family.
    Socket,
    /// A pipe, with a name or without.
    Pipe,
    /// `epoll(7)`
    Epoll,
    /// `eventfd(2)`
    Eventfd,
    /// `timerfd_create(2)`
    Timerfd,
    /// `signalfd(2)`
    Signalfd,
    /// `inotify(7)`
    Inotify,
    /// `fanotify(7)`
    Fanotify,
    /// `io_uring(7)`; reported as [`Finding::IoUring`](super::Finding::IoUring).
    IoUring,
    /// `userfaultfd(2)`
    Userfaultfd,
    /// `pidfd_open(2)`
    Pidfd,
    /// `memfd_create(2)`
    Memfd,
    /// A program, map, link or type information of `bpf(2)`.
    Bpf,
    /// `perf_event_open(2)`
    Perf,
    /// A terminal.
    Terminal,
    /// A regular file that can be written.
    WritableFile,
    /// Anything else.
    Other,
}

impl DescriptorKind {
    /// What goes wrong when a child inherits it.
    pub(super) fn hazard(self) -> &'static str {
        match self {
            Self::Socket | Self::Pipe => "whichever process reads first takes the bytes",
            Self::Epoll => "a child would change what the template waits for",
            Self::Eventfd | Self::Timerfd | Self::Inotify | Self::Fanotify => {
                "whichever process reads first takes the event"
            }
            Self::Signalfd => "a child would read its own signals from it, and the template its own",
            Self::IoUring => "a child would submit requests in the template's name",
            Self::Userfaultfd => "it serves the faults of the template's memory",
            Self::Pidfd => "a child could signal that process",
            Self::Memfd | Self::WritableFile => "offset and content are shared by all children",
            Self::Bpf | Self::Perf => "a child would reach into the kernel by it",
            Self::Terminal => "a child could type into it",
            Self::Other => "all children share it",
        }
    }

    /// By the names that the kernel gives; see `proc_pid_fd(5)`.
    fn of_target(target: &str) -> Option<Self> {
        if let Some(name) = target.strip_prefix("anon_inode:") {
            return Some(match name.trim_start_matches('[').trim_end_matches(']') {
                "eventpoll" => Self::Epoll,
                "eventfd" => Self::Eventfd,
                "timerfd" => Self::Timerfd,
                "signalfd" => Self::Signalfd,
                "inotify" => Self::Inotify,
                "fanotify" => Self::Fanotify,
                "io_uring" => Self::IoUring,
                "userfaultfd" => Self::Userfaultfd,
                "pidfd" => Self::Pidfd,
                "perf_event" => Self::Perf,
                "btf" => Self::Bpf,
                name if name.starts_with("bpf") => Self::Bpf,
                _ => Self::Other,
            });
        }
        if target.starts_with("socket:[") {
            Some(Self::Socket)
        } else if target.starts_with("pidfd:[") {
            Some(Self::Pidfd)
        } else if target.starts_with("/memfd:") && target.ends_with(" (deleted)") {
            Some(Self::Memfd)
        } else {
            None
        }
    }
}

impl fmt::Display for DescriptorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Socket => "a socket",
            Self::Pipe => "a pipe",
            Self::Epoll => "an epoll",
            Self::Eventfd => "an eventfd",
            Self::Timerfd => "a timerfd",
            Self::Signalfd => "a signalfd",
            Self::Inotify => "an inotify",
            Self::Fanotify => "a fanotify",
            Self::IoUring => "an io_uring",
            Self::Userfaultfd => "a userfaultfd",
            Self::Pidfd => "a pidfd",
            Self::Memfd => "a memfd",
            Self::Bpf => "a bpf object",
            Self::Perf => "a perf event",
            Self::Terminal => "a terminal",
            Self::WritableFile => "a writable file",
            Self::Other => "of another kind",
        })
    }
}

/// How the kernel names an `io_uring`, descriptor and mappings alike.
pub(crate) const IO_URING: &str = "anon_inode:[io_uring]";

/// A descriptor that no child may inherit unasked.
pub(super) struct Found {
    pub(super) fd: RawFd,
    pub(super) kind: DescriptorKind,
    pub(super) target: String,
}

/// All of them but the expected, in the order of their numbers.
pub(super) fn read(expected: &[BorrowedFd<'_>]) -> io::Result<Vec<Found>> {
    let is_expected = |fd: RawFd| fd <= libc::STDERR_FILENO || expected.iter().any(|e| e.as_raw_fd() == fd);
    let mut numbers: Vec<RawFd> = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        numbers.extend(entry?.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok()));
    }
    numbers.sort_unstable();
    let mut found = Vec::new();
    for fd in numbers.into_iter().filter(|fd| !is_expected(*fd)) {
        match look(fd) {
            Ok(descriptor) => found.extend(descriptor),
            // Closed meanwhile, as the one by which the directory was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Whether a descriptor of an `io_uring(7)` is open.
pub(crate) fn has_rings() -> io::Result<bool> {
    Ok(read(&[])?.iter().any(|found| found.kind == DescriptorKind::IoUring))
}

/// `None` for one that does no harm.
fn look(fd: RawFd) -> io::Result<Option<Found>> {
    let link = format!("/proc/self/fd/{fd}");
    let target = fs::read_link(&link)?.to_string_lossy().into_owned();
    let kind = match DescriptorKind::of_target(&target) {
        Some(kind) => Some(kind),
        None => of_file(fd, &fs::metadata(&link)?)?,
    };
    Ok(kind.map(|kind| Found { fd, kind, target }))
}

fn of_file(fd: RawFd, file: &fs::Metadata) -> io::Result<Option<DescriptorKind>> {
    let kind = file.file_type();
    Ok(if kind.is_fifo() {
        Some(DescriptorKind::Pipe)
    } else if kind.is_file() {
        is_writable(fd)?.then_some(DescriptorKind::WritableFile)
    } else if kind.is_dir() || (kind.is_char_device() && is_harmless_device(file.rdev())) {
        None
    } else if kind.is_char_device() && is_terminal(fd) {
        Some(DescriptorKind::Terminal)
    } else {
        Some(DescriptorKind::Other)
    })
}

/// Reads the flags from `fdinfo`, so that a descriptor closed meanwhile is not mistaken for another.
fn is_writable(fd: RawFd) -> io::Result<bool> {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{fd}"))?;
    let flags = info
        .lines()
        .find_map(|line| line.strip_prefix("flags:"))
        .and_then(|octal| libc::c_int::from_str_radix(octal.trim(), 8).ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "fdinfo without flags"))?;
    Ok(flags & libc::O_PATH == 0 && flags & libc::O_ACCMODE != libc::O_RDONLY)
}

/// null, zero, full, random, urandom: nothing that is written there reaches anybody. See `mem(4)`, `random(4)`.
fn is_harmless_device(device: u64) -> bool {
    const MEMORY: u32 = 1;
    libc::major(device) == MEMORY && matches!(libc::minor(device), 3 | 5 | 7 | 8 | 9)
}

fn is_terminal(fd: RawFd) -> bool {
    // SAFETY: asks the kernel about a number; no memory is passed. nix's wrapper wants a borrowed descriptor, which
    // nobody here can promise to be one.
    unsafe { libc::isatty(fd) == 1 }
}
