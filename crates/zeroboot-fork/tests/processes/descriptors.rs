//! The audit of descriptors: each kind is found, and nothing that does no harm.

use std::ffi::{CString, c_int, c_long};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use libtest_mimic::Trial;
use zeroboot_fork::audit::{DescriptorKind, Finding, audit};

use crate::common::{Skip, Verdict, trial};

type Make = fn() -> io::Result<OwnedFd>;

const KINDS: [(DescriptorKind, Make); 17] = [
    (DescriptorKind::Socket, || Ok(UnixDatagram::unbound()?.into())),
    (DescriptorKind::Pipe, || Ok(io::pipe()?.0.into())),
    (DescriptorKind::Pipe, fifo),
    (DescriptorKind::Epoll, epoll),
    (DescriptorKind::Eventfd, eventfd),
    (DescriptorKind::Timerfd, timerfd),
    (DescriptorKind::Signalfd, signalfd),
    (DescriptorKind::Inotify, inotify),
    (DescriptorKind::Fanotify, fanotify),
    (DescriptorKind::Userfaultfd, userfaultfd),
    (DescriptorKind::Pidfd, || Ok(zeroboot_fork::pidfd_open(std::process::id())?)),
    (DescriptorKind::Memfd, memfd),
    (DescriptorKind::Bpf, bpf),
    (DescriptorKind::Perf, perf),
    (DescriptorKind::Terminal, terminal),
    (DescriptorKind::WritableFile, || Ok(tempfile::tempfile()?.into())),
    (DescriptorKind::Other, || open_path(Path::new("/proc/self/exe"), libc::O_NOFOLLOW)),
];

pub(crate) fn trials() -> Vec<Trial> {
    let kinds = KINDS.into_iter().enumerate().map(|(index, (kind, make))| {
        trial(format!("audit: descriptor {index} is {kind}"), move || finds(kind, make))
    });
    kinds.chain([trial("audit: descriptors that do no harm are no findings", harmless)]).collect()
}

fn finds(kind: DescriptorKind, make: Make) -> Verdict {
    assert_eq!(audit(&[]).expect("a report").findings, [], "before");
    let made = match make() {
        Err(error) if is_missing(&error) => return Err(Skip(format!("cannot make {kind}: {error}"))),
        made => made.expect("a descriptor"),
    };
    let report = audit(&[]).expect("a report");
    let [Finding::Descriptor { fd, kind: found, target }] = &report.findings[..] else {
        panic!("not one descriptor: {report:?}")
    };
    assert_eq!((*fd, *found), (made.as_raw_fd(), kind), "{target}");
    let text = report.to_string();
    assert_eq!(text.lines().count(), 1);
    assert!(text.contains(&format!("descriptor {fd} is {kind}")) && text.contains(target), "{text}");
    assert!(text.contains("close it"), "the remedy: {text}");
    assert!(!report.is_safe());

    assert_eq!(audit(&[made.as_fd()]).expect("a report").findings, [], "expected");
    drop(made);
    assert!(audit(&[]).expect("a report").is_safe(), "after");
    Ok(())
}

/// Not in this kernel, or not for this user.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM | libc::EACCES | libc::ENOENT))
}

fn harmless() -> Verdict {
    let this = std::env::current_exe().expect("this program");
    let writable = tempfile::NamedTempFile::new().expect("a file");
    let path_only = open_path(writable.path(), 0).expect("a path");
    let path = writable.path().to_owned();
    let (file, removed) = writable.into_parts();
    drop(file);
    let mut held: Vec<OwnedFd> = vec![
        path_only,
        File::open(this).expect("a file").into(),
        File::open("/").expect("a directory").into(),
        open_path(Path::new("/"), libc::O_DIRECTORY).expect("a directory"),
        File::open(&path).expect("a file").into(),
    ];
    for device in ["null", "zero", "full", "random", "urandom"] {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        held.push(options.open(format!("/dev/{device}")).expect("a device").into());
    }
    assert_eq!(audit(&[]).expect("a report").findings, []);
    for flags in [libc::O_WRONLY, libc::O_RDWR, libc::O_WRONLY | libc::O_APPEND] {
        let file = open_with(&path, flags).expect("a file");
        let findings = audit(&[]).expect("a report").findings;
        let kind = DescriptorKind::WritableFile;
        assert!(
            matches!(&findings[..], [Finding::Descriptor { fd, kind: found, .. }]
            if (*fd, *found) == (file.as_raw_fd(), kind)),
            "the control: {findings:?}"
        );
    }
    drop((held, removed));
    Ok(())
}

fn open_with(path: &Path, flags: c_int) -> io::Result<OwnedFd> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: a path that ends in zero.
    own(unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC) }.into())
}

fn open_path(path: &Path, flags: c_int) -> io::Result<OwnedFd> {
    open_with(path, libc::O_PATH | flags)
}

/// What a system call answered, as a descriptor.
pub(crate) fn own(result: c_long) -> io::Result<OwnedFd> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    let fd = c_int::try_from(result).expect("a descriptor");
    // SAFETY: the caller has just been given it by the kernel.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn fifo() -> io::Result<OwnedFd> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("fifo");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU)?;
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(&path)?;
    fs::remove_file(path)?;
    Ok(file.into())
}

fn epoll() -> io::Result<OwnedFd> {
    // SAFETY: no memory is passed.
    own(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) }.into())
}

fn eventfd() -> io::Result<OwnedFd> {
    // SAFETY: no memory is passed.
    own(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) }.into())
}

fn timerfd() -> io::Result<OwnedFd> {
    // SAFETY: no memory is passed.
    own(unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC) }.into())
}

fn signalfd() -> io::Result<OwnedFd> {
    // SAFETY: an all-zero set is empty and valid for reading.
    own(unsafe { libc::signalfd(-1, &std::mem::zeroed(), libc::SFD_CLOEXEC) }.into())
}

fn inotify() -> io::Result<OwnedFd> {
    // SAFETY: no memory is passed.
    own(unsafe { libc::inotify_init1(libc::IN_CLOEXEC) }.into())
}

/// In the form that an ordinary user may have.
fn fanotify() -> io::Result<OwnedFd> {
    // SAFETY: no memory is passed.
    own(unsafe { libc::fanotify_init(libc::FAN_CLOEXEC | libc::FAN_REPORT_FID, 0) }.into())
}

/// In the form that an ordinary user may have.
fn userfaultfd() -> io::Result<OwnedFd> {
    const USER_MODE_ONLY: c_int = 1;
    // SAFETY: no memory is passed.
    own(unsafe { libc::syscall(libc::SYS_userfaultfd, USER_MODE_ONLY | libc::O_CLOEXEC) })
}

fn memfd() -> io::Result<OwnedFd> {
    // SAFETY: a name that ends in zero.
    own(unsafe { libc::memfd_create(c"with (brackets) ".as_ptr(), libc::MFD_CLOEXEC) }.into())
}

/// An array of one element.
fn bpf() -> io::Result<OwnedFd> {
    const MAP_CREATE: c_int = 0;
    const ARRAY: u32 = 2;
    let attributes: [u32; 18] = std::array::from_fn(|i| [ARRAY, 4, 4, 1].get(i).copied().unwrap_or(0));
    // SAFETY: the attributes are valid for reading at this length.
    own(unsafe { libc::syscall(libc::SYS_bpf, MAP_CREATE, &raw const attributes, size_of_val(&attributes)) })
}

/// The software event that counts nothing, of this process in user mode.
fn perf() -> io::Result<OwnedFd> {
    const SOFTWARE: u64 = 1;
    const DUMMY: u64 = 9;
    const EXCLUDE_KERNEL_AND_HYPERVISOR: u64 = 1 << 5 | 1 << 6;
    let attributes: [u64; 8] = [SOFTWARE | 64 << 32, DUMMY, 0, 0, 0, EXCLUDE_KERNEL_AND_HYPERVISOR, 0, 0];
    let (this, any_cpu, no_group, close_on_exec) = (0, -1, -1, 8_u64);
    // SAFETY: the attributes are valid for reading at the length they state.
    own(unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attributes,
            this,
            any_cpu,
            no_group,
            close_on_exec,
        )
    })
}

fn terminal() -> io::Result<OwnedFd> {
    // SAFETY: no memory is passed.
    own(unsafe { libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC) }.into())
}
