//! The inside of the throw-away world: the template, its shell, and the child which tells what it sees.

use std::fmt::Write as _;
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use nix::sys::stat::fstat;
use zeroboot_isolation::child::{Failure, Keyring, OwnUser, Place, Prepared, Stamps};
use zeroboot_isolation::filter::Filters;
use zeroboot_isolation::policy::{Bytes, Policy, UserId};
use zeroboot_isolation::shell::ShellPlan;
use zeroboot_isolation::sockets::Sockets;
use zeroboot_isolation::template::bound_template;

use super::Case;
use super::common::{Forked, Outcome};

const USER: UserId = UserId(1000);

pub(super) fn run(case: &Case) -> ExitCode {
    match serve(case) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "template: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(case: &Case) -> Outcome {
    let far: RawFd = std::env::var("FAR")?.parse()?;
    // SAFETY: the test made this descriptor for us alone.
    let far = unsafe { OwnedFd::from_raw_fd(far) };
    let own = if nix::unistd::getuid().is_root()
        && std::fs::read_to_string("/proc/self/uid_map")?.lines().count() > 1
    {
        OwnUser::Yes
    } else {
        OwnUser::No
    };
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
    lay_out_machine()?;
    mount(Some("tmpfs"), "/home", Some("tmpfs"), MsFlags::empty(), None::<&str>)?;
    std::fs::create_dir("/home/sandbox")?;
    if own == OwnUser::Yes {
        std::os::unix::fs::chown("/home/sandbox", Some(USER.0), Some(USER.0))?;
        nix::unistd::setgroups(&[0.into(), 7.into()])?;
    }
    std::fs::set_permissions("/home/sandbox", std::os::unix::fs::PermissionsExt::from_mode(0o700))?;

    let mut policy = Policy::strict();
    if case.tight {
        policy = policy.open_files(32).processes(3).file_size(Bytes::kibi(4));
    }
    // Without a user of its own the sandbox is the one user that is mapped: this program's.
    let user = if own == OwnUser::Yes { USER } else { UserId(nix::unistd::getuid().as_raw()) };
    let (shell, rules) = park(&ShellPlan::prepare(&policy, user)?)?;
    // SAFETY: the result is checked before it is owned.
    let pidfd = unsafe {
        OwnedFd::from_raw_fd(Errno::result(libc::syscall(libc::SYS_pidfd_open, shell.pid, 0))?.try_into()?)
    };
    let shells = ["mnt", "ipc"].map(|kind| std::fs::read_link(format!("/proc/{}/ns/{kind}", shell.pid)));
    let [mounts, ipc] = shells;
    let shells = [mounts?, ipc?];

    let filters = Filters::compile(Sockets::Pairs, own)?;
    bound_template()?.seal(Some(&filters))?;
    let prepared = prepare(&policy, &filters, case)?;

    // SAFETY: a set that is initialised before it is used.
    unsafe {
        let mut blocked = std::mem::zeroed();
        libc::sigemptyset(&raw mut blocked);
        libc::sigaddset(&raw mut blocked, libc::SIGUSR1);
        libc::sigprocmask(libc::SIG_BLOCK, &raw const blocked, std::ptr::null_mut());
    }
    // The child needs its number as the test knows it.
    let (mut number_here, mut number_there) = std::io::pipe()?;
    let child = Forked::start(|| {
        let mut number = [0; 4];
        number_here.read_exact(&mut number)?;
        let far = far.try_clone()?;
        let joined = Joined { shell: &pidfd, rules: &rules };
        in_the_child(case, &prepared, &joined, far, own, &shells, i32::from_ne_bytes(number))
    })?;
    number_there.write_all(&child.pid.to_ne_bytes())?;
    drop(far);
    let outcome = child.content();
    shell.kill()?;
    outcome
}

/// Adds to the host's tree what a shell shows in its `/proc`, which lies in the root: so there is a new one.
fn lay_out_machine() -> Outcome {
    const STAGE: &str = "/tmp";
    let (stage, none) = (Path::new(STAGE), None::<&str>);
    mount(Some("tmpfs"), STAGE, Some("tmpfs"), MsFlags::empty(), none)?;
    for entry in std::fs::read_dir("/")? {
        let (path, place) = {
            let entry = entry?;
            (entry.path(), stage.join(entry.file_name()))
        };
        if let Ok(to) = std::fs::read_link(&path) {
            std::os::unix::fs::symlink(to, place)?;
        } else if path.is_dir() {
            std::fs::create_dir(&place)?;
            if path != stage {
                mount(Some(&path), &place, none, MsFlags::MS_BIND | MsFlags::MS_REC, none)?;
            }
        }
    }
    let machine = stage.join(".machine");
    std::fs::create_dir_all(machine.join("sys/kernel/random"))?;
    for name in [
        "cpuinfo",
        "meminfo",
        "stat",
        "vmstat",
        "loadavg",
        "version",
        "filesystems",
        "sys/kernel/random/uuid",
    ] {
        std::fs::write(machine.join(name), "")?;
    }
    for name in ["mounts", "net"] {
        std::os::unix::fs::symlink(Path::new("self").join(name), machine.join(name))?;
    }
    nix::unistd::chdir(stage)?;
    nix::unistd::pivot_root(".", ".")?;
    nix::mount::umount2(".", nix::mount::MntFlags::MNT_DETACH)?;
    Ok(nix::unistd::chdir("/")?)
}

/// A shell that is parked, and the rules that it made: the first process of this program's new pid namespace.
fn park(plan: &ShellPlan) -> Outcome<(Forked, OwnedFd)> {
    let (near, settled) = UnixStream::pair()?;
    let shell = Forked::start(|| {
        // SAFETY: no memory is passed. The shell ends with its template.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) };
        unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWIPC)?;
        let rules = plan.settle(settled.as_fd())?.ok_or("no Landlock rules")?;
        let rights = [rules.as_raw_fd()];
        let message = [ControlMessage::ScmRights(&rights)];
        sendmsg::<()>(settled.as_raw_fd(), &[IoSlice::new(b"y")], &message, MsgFlags::empty(), None)?;
        Err(format!("{:?}", plan.park()).into())
    })?;
    drop(settled);
    let (mut word, mut space) = ([0; 1], nix::cmsg_space!(RawFd));
    let mut parts = [IoSliceMut::new(&mut word)];
    let received = recvmsg::<()>(near.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)?;
    let rights = received.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::ScmRights(fds) => fds.first().copied(),
        _ => None,
    });
    // SAFETY: the kernel has just made it for us.
    let rules = rights.map(|number| unsafe { OwnedFd::from_raw_fd(number) });
    let parked = (&near).read(&mut [0])? == 0;
    match rules {
        Some(rules) if parked => Ok((shell, rules)),
        _ => Err(shell.end()?.0.into()),
    }
}

#[cfg(feature = "failure-injection")]
fn prepare(policy: &Policy, filters: &Filters, case: &Case) -> Outcome<Prepared> {
    let prepared = Prepared::new(policy, Some(filters))?;
    Ok(match case.fail_at {
        Some(step) => prepared.fail_at(step),
        None => prepared,
    })
}

#[cfg(not(feature = "failure-injection"))]
fn prepare(policy: &Policy, filters: &Filters, _case: &Case) -> Outcome<Prepared> {
    Ok(Prepared::new(policy, Some(filters))?)
}

/// The shell that a child joins.
struct Joined<'a> {
    shell: &'a OwnedFd,
    rules: &'a OwnedFd,
}

fn in_the_child(
    case: &Case,
    prepared: &Prepared,
    joined: &Joined<'_>,
    far: OwnedFd,
    own_user: OwnUser,
    shells: &[std::path::PathBuf; 2],
    pid: i32,
) -> Outcome {
    let [a, b] = [std::io::pipe()?, std::io::pipe()?];
    let objects = [OwnedFd::from(a.0), OwnedFd::from(a.1), OwnedFd::from(b.1), far];
    let identities = objects.each_ref().map(|object| fstat(object).map(|stat| stat.st_ino).unwrap_or(0));
    let (shell, rules) = (above(joined.shell)?, above(joined.rules)?);
    let numbers = arrange(case, &objects)?;
    // SAFETY: open descriptors that nobody closes before the hardening does.
    let [stdin, stdout, stderr, channel] = numbers.map(|number| unsafe { BorrowedFd::borrow_raw(number) });
    let place = Place { shell, rules: Some(rules), user: USER, own_user, stdin, stdout, stderr, channel };
    let mut stamps = Stamps::default();
    let outcome = prepared.apply(&place, &mut stamps);

    let channel = match &outcome {
        Ok(hardened) => hardened.channel(),
        Err(failure) => place.channel_after(*failure),
    };
    // SAFETY: the channel is open there; it is never closed twice, since the process leaves by `_exit`.
    let mut channel = ManuallyDrop::new(unsafe { UnixStream::from_raw_fd(channel.as_raw_fd()) });
    let text = facts(outcome.map(drop), &stamps, &identities, shells, pid)?;
    channel.write_all(text.as_bytes())?;
    channel.read_exact(&mut [0])?;
    // Nothing that the hardening closed may be closed again by an owner.
    std::mem::forget((objects, b.0));
    Ok(())
}

/// Puts the four objects where the case wants them.
fn arrange(case: &Case, objects: &[OwnedFd; 4]) -> Outcome<[RawFd; 4]> {
    let Some(wanted) = case.descriptors else {
        return Ok(objects.each_ref().map(|object| object.as_raw_fd()));
    };
    // SAFETY: no memory is passed; nothing in this process uses the low descriptors by their owners again.
    let high =
        objects.each_ref().map(|object| unsafe { libc::fcntl(object.as_raw_fd(), libc::F_DUPFD, 100) });
    for (source, target) in high.into_iter().zip(wanted) {
        // SAFETY: as above.
        Errno::result(unsafe { libc::dup2(source, target) })?;
    }
    Ok(wanted)
}

/// The cases lay things upon low descriptors: others get out of their way. The copy stays open.
fn above(fd: &OwnedFd) -> Outcome<BorrowedFd<'static>> {
    // SAFETY: no memory is passed; the new descriptor is never closed by an owner.
    Ok(unsafe { BorrowedFd::borrow_raw(Errno::result(libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD, 200))?) })
}

fn facts(
    outcome: Result<(), Failure>,
    stamps: &Stamps,
    identities: &[libc::ino_t; 4],
    shells: &[std::path::PathBuf; 2],
    pid: i32,
) -> Outcome<String> {
    let mut text = String::new();
    let mut fact = |name: &str, value: &str| writeln!(text, "{name}={value}");

    match outcome {
        Ok(()) => {
            fact("outcome", "ok")?;
            fact("pid", &pid.to_string())?;
        }
        Err(Failure { step, errno }) => fact("outcome", &format!("{} {errno}", step.id()))?,
    }
    let yes = |is| if is { "yes" } else { "no" };
    let joined = std::fs::read_link("/proc/self/ns/mnt")? == shells[0]
        && std::fs::read_link("/proc/self/ns/ipc")? == shells[1];
    fact("joined", yes(joined))?;
    // SAFETY: neither call takes memory.
    fact("leader", yes(unsafe { libc::getsid(0) == libc::getpid() }))?;
    let limit = |resource| getrlimit(resource).map(|(soft, hard)| format!("{soft} {hard}"));
    fact("core", &limit(Resource::RLIMIT_CORE)?)?;
    fact("files", &limit(Resource::RLIMIT_NOFILE)?)?;
    fact("file size", &limit(Resource::RLIMIT_FSIZE)?)?;
    fact("locked", &limit(Resource::RLIMIT_MEMLOCK)?)?;
    fact("processes", &limit(Resource::RLIMIT_NPROC)?)?;
    let (user, group) = (nix::unistd::getresuid()?, nix::unistd::getresgid()?);
    fact("user", &format!("{} {}", user.effective, user.saved))?;
    fact("group", &format!("{} {}", group.effective, group.saved))?;
    // SAFETY: with a length of zero the list is not written.
    fact("groups", &unsafe { libc::getgroups(0, std::ptr::null_mut()) }.to_string())?;
    fact("directory", &std::env::current_dir()?.to_string_lossy())?;
    let held =
        caps::read(None, caps::CapSet::Permitted)?.len() + caps::read(None, caps::CapSet::Effective)?.len();
    fact("capabilities", &held.to_string())?;
    // SAFETY: no memory is passed.
    fact("dumpable", &unsafe { libc::prctl(libc::PR_GET_DUMPABLE) }.to_string())?;

    let mut placed = Vec::new();
    let mut open = Vec::new();
    for number in 0..1024 {
        // SAFETY: only looked at, and not kept.
        let Ok(stat) = fstat(unsafe { BorrowedFd::borrow_raw(number) }) else { continue };
        open.push(number.to_string());
        match usize::try_from(number).ok().and_then(|at| identities.get(at)) {
            Some(identity) if *identity == stat.st_ino => placed.push(number.to_string()),
            _ => {}
        }
    }
    fact("placed", &placed.join(" "))?;
    fact("open", &open.join(" "))?;

    // SAFETY: an all-zero set is valid, and the old mask is written into it.
    let blocked = unsafe {
        let mut mask = std::mem::zeroed();
        libc::sigprocmask(libc::SIG_BLOCK, std::ptr::null(), &raw mut mask);
        libc::sigismember(&raw const mask, libc::SIGUSR1) == 1
    };
    fact("mask", if blocked { "usr1" } else { "empty" })?;
    // SAFETY: none of the calls is given memory.
    let answers = unsafe {
        [
            ("setns", libc::syscall(libc::SYS_setns, -1, 0), Errno::last()),
            ("clone3", libc::syscall(libc::SYS_clone3, 0, 0), Errno::last()),
            ("socket", libc::syscall(libc::SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0), Errno::last()),
        ]
    };
    for (name, _, errno) in answers {
        fact(name, &format!("{errno:?}"))?;
    }
    if outcome.is_ok() {
        let works =
            std::thread::Builder::new().spawn(|| "works")?.join().map_err(|_| "the thread panicked")?;
        fact("thread", works)?;
    }
    let times: Vec<_> = [stamps.begun()].into_iter().chain(stamps.ended().map(|(_, at)| at)).collect();
    let ordered = times.is_sorted() && times.iter().all(|at| at.0 > 0);
    let keyring = if stamps.keyring() == Keyring::Own { "own" } else { "template's" };
    fact("stamps", &format!("{} order, {keyring} keyring", if ordered { "in" } else { "out of" }))?;
    text.push_str("end\n");
    Ok(text)
}
