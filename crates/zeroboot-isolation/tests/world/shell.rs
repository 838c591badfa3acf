//! Shells: parked, joined by a sealed template, and what a process that joined finds there.

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use libtest_mimic::Failed;
use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{Gid, Uid};
use zeroboot_isolation::child::OwnUser;
use zeroboot_isolation::filter::Filters;
use zeroboot_isolation::policy::{Bytes, Policy, UserId};
use zeroboot_isolation::seal::{Namespace, SealReader};
use zeroboot_isolation::shell::{HOME_DESCRIPTOR, ShellPlan};
use zeroboot_isolation::sockets::Sockets;
use zeroboot_isolation::template::bound_template;
use zeroboot_isolation::world::{HOME, TEMPLATE_USER};

use super::common::{Forked, Outcome, ensure};
use super::in_world;

const PRIVATE: [&str; 3] = ["/tmp", "/dev/shm", HOME];
const SIZE: Bytes = Bytes::kibi(256);

/// The user of the sandbox: one of its own where the host lends more than one.
fn user() -> UserId {
    // In the world nobody is root; the world of a root host has more than one id.
    match fs::read_to_string("/proc/self/uid_map") {
        Ok(map) if map.trim().ends_with(" 1") => TEMPLATE_USER,
        _ => UserId(2000),
    }
}

const SHELLS_NAMESPACES: libc::c_int = libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWIPC;

/// A shell that is parked: it has closed every descriptor, the rules included.
fn parked() -> Outcome<Forked> {
    let plan = ShellPlan::prepare(&Policy::strict().tmp(SIZE), user())?;
    let (mut ready, mut settled) = std::io::pipe()?;
    let shell = Forked::with_namespaces(SHELLS_NAMESPACES, || {
        // As the warden may have: a handler that would call what the filter kills for.
        let handler: extern "C" fn(libc::c_int) = asks;
        // SAFETY: the handler does nothing but one system call.
        unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
        let rules = plan.settle(settled.as_fd())?.ok_or("no Landlock rules")?;
        let open: Vec<_> = (0..1024).filter(|number| is_open(*number)).collect();
        let mut kept = [HOME_DESCRIPTOR, rules.as_raw_fd(), settled.as_raw_fd()];
        kept.sort_unstable();
        settled.write_all(if open == kept { b"y" } else { b"n" })?;
        Err(format!("{:?}", plan.park()).into())
    })?;
    drop(settled);
    let mut answer = Vec::new();
    ready.read_to_end(&mut answer)?;
    match &answer[..] {
        b"y" => Ok(shell),
        b"n" => Err("the shell has kept other descriptors than its home, the rules and its socket".into()),
        _ => Err(format!("the shell did not settle: {:?}", shell.end()?).into()),
    }
}

extern "C" fn asks(_signal: libc::c_int) {
    // SAFETY: no preconditions.
    unsafe { libc::getppid() };
}

fn is_open(number: RawFd) -> bool {
    // SAFETY: no memory is passed, and nothing is kept.
    unsafe { libc::fcntl(number, libc::F_GETFD) >= 0 }
}

fn pidfd(process: &Forked) -> Outcome<OwnedFd> {
    // SAFETY: the number is the one of a process that is not reaped.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, process.pid, 0) })?;
    // SAFETY: the kernel has just given us this descriptor, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd.try_into()?) })
}

/// Runs `body` in a process that a sealed template forked into the shell.
fn joined(shell: &OwnedFd, body: impl FnOnce() -> Outcome) -> Outcome<Forked> {
    let filters = Filters::compile(Sockets::Pairs, OwnUser::Yes)?;
    Forked::start(|| {
        // As after the `execve` of a real template.
        // SAFETY: no memory is passed.
        Errno::result(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) })?;
        bound_template()?.seal(Some(&filters))?;
        // SAFETY: no memory is passed.
        let dumpable = Errno::result(unsafe { libc::prctl(libc::PR_GET_DUMPABLE) })?;
        ensure(dumpable == 0, || "the sealed template is dumpable".to_owned())?;
        setns(shell, CloneFlags::CLONE_NEWPID)?;
        Forked::start(|| {
            setns(shell, CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWIPC)?;
            body()
        })?
        .content()
    })
}

fn numbers(directory: &str) -> Outcome<BTreeSet<u32>> {
    Ok(fs::read_dir(directory)?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect())
}

pub(crate) fn sealed_template_joins() -> Result<(), Failed> {
    in_world(&[], || {
        for directory in PRIVATE {
            fs::write(Path::new(directory).join("of the world"), "")?;
        }
        let shell = parked()?;
        let seal = SealReader::new()?.read(shell.pid.unsigned_abs(), None)?;
        let outer = SealReader::new()?.read(std::process::id(), None)?;
        let own = [Namespace::Pid, Namespace::Mount, Namespace::Ipc, Namespace::Cgroup];
        let sealed = seal.namespaces == own && seal.no_new_privs;
        ensure(sealed && seal.seccomp_filters == outer.seccomp_filters + 1, || format!("{seal:?}"))?;
        // SAFETY: no memory is passed; the number is the one of a process that is not reaped.
        Errno::result(unsafe { libc::kill(shell.pid, libc::SIGUSR1) })?;

        let (mut checked, mut checked_there) = std::io::pipe()?;
        let (mut never, open) = std::io::pipe()?;
        let template = joined(&pidfd(&shell)?, || {
            as_its_user_sees_it()?;
            checked_there.write_all(b"c")?;
            never.read_exact(&mut [0])?;
            Ok(())
        })?;
        drop(checked_there);
        if checked.read(&mut [0])? == 0 {
            return template.content();
        }
        // Whatever is in the sandbox ends with its shell.
        let (_, ended) = shell.kill()?;
        let (complaint, _) = template.end()?;
        drop(open);
        ensure(ended.signal() == Some(libc::SIGKILL), || format!("the shell ended by itself: {ended:?}"))?;
        ensure(complaint == " (Ended(9))", || format!("the sandbox: {complaint}"))?;
        for directory in PRIVATE {
            let found = fs::read_dir(directory)?.count();
            ensure(found == 1, || format!("{found} files in the world's own {directory}"))?;
        }
        Ok(())
    })
}

fn as_its_user_sees_it() -> Outcome {
    let found = numbers("/proc")?;
    ensure(found == BTreeSet::from([1, std::process::id()]), || format!("/proc shows {found:?}"))?;
    let written = fs::OpenOptions::new().write(true).open("/proc/self/comm");
    let refused = written.as_ref().is_err_and(|error| error.raw_os_error() == Some(libc::EROFS));
    ensure(refused, || format!("writing to /proc: {written:?}"))?;
    let status = fs::read_to_string("/proc/1/status")?;
    // To signal what is in its namespace, and nothing else.
    for wanted in ["CapPrm:\t0000000000000020", "CapEff:\t0000000000000020", "CapInh:\t0000000000000000"] {
        ensure(status.contains(wanted), || format!("no {wanted} in {status}"))?;
    }
    names_of_proc()?;
    let open = numbers("/proc/1/fd")?;
    ensure(open.into_iter().eq([HOME_DESCRIPTOR.unsigned_abs()]), || {
        "the shell has other descriptors".to_owned()
    })?;
    let held = fs::read_link(format!("/proc/1/fd/{HOME_DESCRIPTOR}"))?;
    ensure(held == Path::new(HOME), || format!("the shell holds {held:?}"))?;

    let (id, home) = (user().0, fs::metadata(HOME)?);
    let found = (home.uid(), home.gid(), home.mode() & 0o7777);
    ensure(found == (id, id, 0o700), || format!("the home directory: {found:?}"))?;
    let (uid, gid) = (Uid::from_raw(id), Gid::from_raw(id));
    nix::unistd::setresgid(gid, gid, gid)?;
    nix::unistd::setresuid(uid, uid, uid)?;
    for directory in PRIVATE {
        let found = fs::read_dir(directory)?.count();
        ensure(found == 0, || format!("{found} files in a new {directory}"))?;
        let mut file = fs::File::create(Path::new(directory).join("large"))?;
        file.write_all(&vec![1; usize::try_from(SIZE.0)?])?;
        match file.write_all(b"x") {
            Err(error) if error.kind() == ErrorKind::StorageFull => {}
            other => return Err(format!("{directory} holds more than {SIZE:?}: {other:?}").into()),
        }
    }
    Ok(())
}

/// Of the machine what the world has laid out, and no other name that the kernel has.
fn names_of_proc() -> Outcome {
    for name in
        ["cpuinfo", "meminfo", "stat", "vmstat", "loadavg", "version", "filesystems", "uptime", "mounts"]
    {
        let path = Path::new("/proc").join(name);
        ensure(!fs::read(&path)?.is_empty(), || format!("{name} is empty"))?;
        let written = fs::OpenOptions::new().write(true).open(&path);
        let refused = written
            .as_ref()
            .is_err_and(|error| matches!(error.raw_os_error(), Some(libc::EROFS | libc::EACCES)));
        ensure(refused || name == "mounts", || format!("writing to {name}: {written:?}"))?;
    }
    let (one, other) = (identifier()?, identifier()?);
    ensure(one.len() == 37 && one != other, || format!("{one} and {other}"))?;
    for name in [
        "cmdline",
        "kallsyms",
        "kmsg",
        "interrupts",
        "self/../slabinfo",
        "sys/kernel/core_pattern",
        "bus",
        "fs",
    ] {
        let found = fs::symlink_metadata(Path::new("/proc").join(name)).err().map(|error| error.kind());
        ensure(found == Some(ErrorKind::NotFound), || format!("/proc/{name}: {found:?}"))?;
    }
    Ok(())
}

fn identifier() -> std::io::Result<String> {
    fs::read_to_string("/proc/sys/kernel/random/uuid")
}

/// The kernel's own check, which keeps a template away from processes that hold more than it does.
pub(crate) fn only_a_settled_shell_can_be_joined() -> Result<(), Failed> {
    in_world(&[], || {
        let (mut never, open) = std::io::pipe()?;
        let raw = Forked::with_namespaces(SHELLS_NAMESPACES, || Ok(never.read_exact(&mut [0])?))?;
        let refused = joined(&pidfd(&raw)?, || Ok(()))?.end()?.0;
        raw.kill()?;
        drop(open);
        ensure(refused.contains("EPERM"), || format!("a shell that has not settled was joined: {refused}"))?;

        let shell = parked()?;
        joined(&pidfd(&shell)?, || Ok(()))?.content()?;
        shell.kill()?;
        Ok(())
    })
}

pub(crate) fn shell_reaps_orphans() -> Result<(), Failed> {
    in_world(&[], || {
        let shell = parked()?;
        let joined = joined(&pidfd(&shell)?, || {
            let (mut here, mut there) = std::io::pipe()?;
            let (mut go, mut go_here) = std::io::pipe()?;
            let parent = Forked::start(|| {
                // Nobody but the shell is left to reap this one.
                Forked::start(|| {
                    go.read_exact(&mut [0])?;
                    there.write_all(&std::process::id().to_ne_bytes())?;
                    Ok(there.write_all(&nix::unistd::getppid().as_raw().to_ne_bytes())?)
                })?;
                Ok(())
            })?;
            parent_is_gone(parent)?;
            go_here.write_all(b"g")?;
            let (mut orphan, mut father) = ([0; 4], [0; 4]);
            here.read_exact(&mut orphan)?;
            here.read_exact(&mut father)?;
            let (orphan, father) = (i32::from_ne_bytes(orphan), i32::from_ne_bytes(father));
            ensure(father == 1, || format!("the orphan went to {father}"))?;
            // A zombie would stay for ever; one that is reaped is gone soon.
            let started = std::time::Instant::now();
            // SAFETY: signal 0 only asks whether there is such a process.
            while unsafe { libc::kill(orphan, 0) } == 0 {
                ensure(started.elapsed().as_secs() < 20, || "the orphan is not reaped".to_owned())?;
                std::thread::yield_now();
            }
            Ok(())
        })?;
        joined.content()?;
        shell.kill()?;
        Ok(())
    })
}

/// One orphan sleeps, and one has used CPU time and ignores what can be ignored; the init is asked to end the sandbox.
pub(crate) fn shell_accounts_for_orphans() -> Result<(), Failed> {
    in_world(&[], || {
        const CPU: Duration = Duration::from_millis(50);
        let shell = parked()?;
        let joined = joined(&pidfd(&shell)?, || {
            let id = user().0;
            nix::unistd::setresgid(Gid::from_raw(id), Gid::from_raw(id), Gid::from_raw(id))?;
            nix::unistd::setresuid(Uid::from_raw(id), Uid::from_raw(id), Uid::from_raw(id))?;
            let (mut here, mut there) = std::io::pipe()?;
            Forked::start(sleep_for_ever)?;
            Forked::start(|| {
                // SAFETY: ignoring a signal is a valid disposition.
                unsafe { libc::signal(libc::SIGTERM, libc::SIG_IGN) };
                while Duration::from(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?) < CPU {}
                there.write_all(b"d")?;
                sleep_for_ever()
            })?;
            Ok(here.read_exact(&mut [0])?)
        })?;
        joined.content()?;
        // SAFETY: no memory is passed; the number is the one of a process that is not reaped.
        Errno::result(unsafe { libc::kill(shell.pid, libc::SIGTERM) })?;
        // SAFETY: an all-zero value is a valid `rusage`, and both are valid for writing.
        let (mut status, mut usage): (libc::c_int, libc::rusage) = (0, unsafe { std::mem::zeroed() });
        // SAFETY: as above.
        let reaped = unsafe { libc::wait4(shell.pid, &raw mut status, 0, &raw mut usage) };
        ensure(reaped == shell.pid && status == 1 << 8, || format!("the init ended with {status:#x}"))?;
        let used = Duration::from_micros((usage.ru_utime.tv_usec + usage.ru_stime.tv_usec).unsigned_abs())
            + Duration::from_secs((usage.ru_utime.tv_sec + usage.ru_stime.tv_sec).unsigned_abs());
        ensure(used >= CPU, || format!("only {used:?} are accounted for"))
    })
}

/// Without a descriptor by which others would see that it lives.
fn sleep_for_ever() -> Outcome {
    // SAFETY: no memory is passed; no owner of a descriptor is dropped in a process that never returns.
    Errno::result(unsafe { libc::syscall(libc::SYS_close_range, 0, libc::c_uint::MAX, 0) })?;
    loop {
        nix::unistd::pause();
    }
}

/// Reaps a process without waiting for the end of file: its own child holds the pipe as well.
fn parent_is_gone(parent: Forked) -> Outcome {
    let mut status = 0;
    // SAFETY: `status` is valid for writing.
    let reaped = Errno::result(unsafe { libc::waitpid(parent.pid, &raw mut status, 0) })?;
    ensure(reaped == parent.pid && status == 0, || format!("{reaped} ended with {status:#x}"))
}
