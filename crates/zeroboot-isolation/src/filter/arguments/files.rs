//! Files, descriptors and memory.

use nix::errno::Errno;

use super::any;
use crate::filter::table::{Arguments, Condition, Rule, Under};
use crate::sockets::Sockets;

/// `preadv2`.
pub(in crate::filter) const READ_FLAGS: Arguments = Arguments {
    why: "RWF_NOWAIT and RWF_DONTCACHE: they show and change which pages of a file are in memory, and files of the tree \
          are shared with siblings",
    pass: &[any(&[Condition::within(5, libc::RWF_HIPRI as u32)])],
    ignored: &[],
    otherwise: Errno::EOPNOTSUPP,
};

/// `pwritev2`.
pub(in crate::filter) const WRITE_FLAGS: Arguments = Arguments {
    why: "flags that no program needs; RWF_ATOMIC and RWF_DONTCACHE among them",
    pass: &[any(&[Condition::within(
        5,
        (libc::RWF_HIPRI | libc::RWF_DSYNC | libc::RWF_SYNC | libc::RWF_APPEND) as u32,
    )])],
    ignored: &[],
    otherwise: Errno::EOPNOTSUPP,
};

/// Types of what `mknod` makes, below [`libc::S_IFMT`].
const NODES: &[u32] = &[0, libc::S_IFREG, libc::S_IFIFO];
const NODE_WHY: &str = "anything but files and named pipes";

/// `mknod`.
#[cfg(target_arch = "x86_64")]
pub(in crate::filter) const NODE: Arguments = Arguments {
    why: NODE_WHY,
    pass: &[any(&[Condition::Masked(1, libc::S_IFMT, NODES)])],
    ignored: &[],
    otherwise: Errno::EPERM,
};

/// `mknodat`.
pub(in crate::filter) const NODE_AT: Arguments = Arguments {
    why: NODE_WHY,
    pass: &[any(&[Condition::Masked(2, libc::S_IFMT, NODES)])],
    ignored: &[],
    otherwise: Errno::EPERM,
};

/// `fadvise64`.
pub(in crate::filter) const ADVICE: Arguments = Arguments {
    why: "POSIX_FADV_DONTNEED: with it one sandbox takes a file of the tree out of memory, and another notices; like any \
          advice it may be ignored, and so it is",
    pass: &[any(&[Condition::OneOf(
        3,
        &[
            libc::POSIX_FADV_NORMAL as u32,
            libc::POSIX_FADV_RANDOM as u32,
            libc::POSIX_FADV_SEQUENTIAL as u32,
            libc::POSIX_FADV_WILLNEED as u32,
            libc::POSIX_FADV_NOREUSE as u32,
        ],
    )])],
    ignored: &[any(&[Condition::OneOf(3, &[libc::POSIX_FADV_DONTNEED as u32])])],
    otherwise: Errno::EINVAL,
};

/// `fcntl`.
pub(in crate::filter) const DESCRIPTOR: Arguments = Arguments {
    why: "leases and directory notes, which are channels between sandboxes over shared files; signals of a descriptor's \
          own choice",
    pass: &[any(&[Condition::OneOf(
        1,
        &[
            libc::F_GETFD as u32,
            libc::F_SETFD as u32,
            libc::F_GETFL as u32,
            libc::F_SETFL as u32,
            libc::F_DUPFD as u32,
            libc::F_DUPFD_CLOEXEC as u32,
            libc::F_GETLK as u32,
            libc::F_SETLK as u32,
            libc::F_SETLKW as u32,
            libc::F_OFD_GETLK as u32,
            libc::F_OFD_SETLK as u32,
            libc::F_OFD_SETLKW as u32,
            libc::F_SETPIPE_SZ as u32,
            libc::F_GETPIPE_SZ as u32,
            libc::F_ADD_SEALS as u32,
            libc::F_GET_SEALS as u32,
        ],
    )])],
    ignored: &[],
    otherwise: Errno::EINVAL,
};

#[expect(
    clippy::cast_possible_truncation,
    reason = "commands of ioctl have 32 bits; some C libraries widen them"
)]
const fn command(command: libc::Ioctl) -> u32 {
    command as u32
}

/// The terminal's settings, size and jobs; how a pseudo-terminal is made; what every descriptor has; copies that share
/// their blocks, as those of `copy_file_range` do.
const COMMANDS: &[u32] = &[
    command(libc::TCGETS),
    command(libc::FIOCLEX),
    command(libc::FIONCLEX),
    command(libc::FIONBIO),
    command(libc::FIONREAD),
    command(libc::TIOCGWINSZ),
    command(libc::TIOCSWINSZ),
    command(libc::TCSETS),
    command(libc::TCSETSW),
    command(libc::TCSETSF),
    command(libc::TCGETS2),
    command(libc::TCSETS2),
    command(libc::TCSETSW2),
    command(libc::TCSETSF2),
    command(libc::TIOCGPGRP),
    command(libc::TIOCSPGRP),
    command(libc::TIOCGSID),
    command(libc::TIOCSCTTY),
    command(libc::TIOCNOTTY),
    command(libc::TIOCOUTQ),
    command(libc::TCSBRK),
    command(libc::TCSBRKP),
    command(libc::TCXONC),
    command(libc::TCFLSH),
    command(libc::TIOCGPTN),
    command(libc::TIOCSPTLCK),
    command(libc::TIOCGPTPEER),
    command(libc::FICLONE),
    command(libc::FICLONERANGE),
];

/// What a program asks about network interfaces by their names and numbers.
const INTERFACES: &[u32] = &[
    command(libc::SIOCGIFCONF),
    command(libc::SIOCGIFNAME),
    command(libc::SIOCGIFINDEX),
    command(libc::SIOCGIFFLAGS),
    command(libc::SIOCGIFADDR),
    command(libc::SIOCGIFNETMASK),
    command(libc::SIOCGIFBRDADDR),
    command(libc::SIOCGIFHWADDR),
    command(libc::SIOCGIFMTU),
];

/// `ioctl`.
pub(in crate::filter) const COMMAND: Arguments = Arguments {
    why: "what no program needs: typing into a terminal and pasting its selection, the blocks, label and id of a file \
          system, devices. A file that does not know a command answers ENOTTY, and so does the filter",
    pass: &[
        any(&[Condition::OneOf(1, COMMANDS)]),
        Rule { under: Under::Sockets(&[Sockets::Loopback]), conditions: &[Condition::OneOf(1, INTERFACES)] },
    ],
    ignored: &[],
    otherwise: Errno::ENOTTY,
};

/// `mmap`.
pub(in crate::filter) const MAPPING: Arguments = Arguments {
    why: "MAP_HUGETLB: the machine has one store of such pages, which no limit of a sandbox counts",
    pass: &[any(&[Condition::Masked(3, libc::MAP_HUGETLB as u32, &[0])])],
    ignored: &[],
    otherwise: Errno::ENOMEM,
};

/// `madvise`.
pub(in crate::filter) const MEMORY_ADVICE: Arguments = Arguments {
    why: "merging pages with those of others, which tells what they hold, and pushing pages of shared files out",
    pass: &[any(&[Condition::OneOf(
        2,
        &[
            libc::MADV_DONTNEED as u32,
            libc::MADV_FREE as u32,
            libc::MADV_NORMAL as u32,
            libc::MADV_RANDOM as u32,
            libc::MADV_SEQUENTIAL as u32,
            libc::MADV_WILLNEED as u32,
            libc::MADV_REMOVE as u32,
            libc::MADV_DONTFORK as u32,
            libc::MADV_DOFORK as u32,
            libc::MADV_HUGEPAGE as u32,
            libc::MADV_NOHUGEPAGE as u32,
            libc::MADV_DONTDUMP as u32,
            libc::MADV_DODUMP as u32,
            libc::MADV_WIPEONFORK as u32,
            libc::MADV_KEEPONFORK as u32,
            libc::MADV_POPULATE_READ as u32,
            libc::MADV_POPULATE_WRITE as u32,
            MADV_GUARD_INSTALL,
            MADV_GUARD_REMOVE,
        ],
    )])],
    ignored: &[],
    otherwise: Errno::EINVAL,
};

const MADV_GUARD_INSTALL: u32 = 102;
const MADV_GUARD_REMOVE: u32 = 103;

/// `memfd_create`.
pub(in crate::filter) const MEMORY_FILE: Arguments = Arguments {
    why: "MFD_HUGETLB, for the same reason as with mmap",
    pass: &[any(&[Condition::within(
        1,
        libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING | libc::MFD_NOEXEC_SEAL | libc::MFD_EXEC,
    )])],
    ignored: &[],
    otherwise: Errno::EINVAL,
};
