//! A sandbox's hardening from end to end: a throw-away world, a shell, a sealed template, and a child which tells
//! over its channel what it sees, while the test reads its seal from outside.
//!
//! The template is this program again, executed inside new namespaces: memory that was made there belongs to them,
//! as it does in earnest, so an ordinary user may read the seal as well.

mod common;

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::CString;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use libtest_mimic::{Failed, Trial};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::fstat;
use zeroboot_isolation::child::{CHANNEL, Failure, Keyring, OwnUser, Place, Prepared, Stamps, Step};
use zeroboot_isolation::filter::Filters;
use zeroboot_isolation::policy::{Policy, UserId};
use zeroboot_isolation::seal::{Missing, Namespace, Seal};
use zeroboot_isolation::template::seal_template;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const ROLE: &str = "ZEROBOOT_TEST_CASE";
const USER: UserId = UserId(1000);

fn main() -> ExitCode {
    if let Ok(case) = std::env::var(ROLE) {
        return template(&Case::parse(&case));
    }
    let mut trials = vec![
        Trial::test("hardening_holds", hardening_holds),
        Trial::test("policy_sets_the_limits", policy_sets_the_limits),
        Trial::test("descriptors_overlap", descriptors_overlap),
        Trial::test("stamps_travel", stamps_travel),
        Trial::test("a_plain_process_has_a_broken_seal", plain_process),
        Trial::test("steps_have_stable_numbers", step_numbers),
    ];
    if cfg!(feature = "failure-injection") {
        trials.push(Trial::test("a_failing_step_is_the_last", failing_step_is_the_last));
    }
    common::run(trials)
}

/// What one sandbox shall do, as a line of text for the template's environment.
#[derive(Debug, Clone, Default)]
struct Case {
    /// Where the child puts the four descriptors before it hardens itself.
    descriptors: Option<[RawFd; 4]>,
    fail_at: Option<Step>,
    tight: bool,
}

impl Case {
    fn text(&self) -> String {
        let [a, b, c, d] = self.descriptors.unwrap_or([-1; 4]);
        let step = self.fail_at.map_or(0, Step::id);
        format!("{a} {b} {c} {d} {step} {}", u8::from(self.tight))
    }

    fn parse(text: &str) -> Self {
        let numbers: Vec<i32> = text.split(' ').filter_map(|word| word.parse().ok()).collect();
        let [a, b, c, d, step, tight] = numbers[..] else { panic!("not a case: {text}") };
        let fail_at = u16::try_from(step).ok().and_then(Step::from_id);
        Self { descriptors: (a >= 0).then_some([a, b, c, d]), fail_at, tight: tight == 1 }
    }
}

// ---------------------------------------------------------------- the test's side

/// What a sandbox told, and its seal.
struct Told {
    facts: BTreeMap<String, String>,
    seal: Option<Seal>,
}

impl Told {
    fn is(&self, name: &str, wanted: &str) -> Result<(), Failed> {
        match self.facts.get(name) {
            Some(value) if value == wanted => Ok(()),
            other => Err(format!("{name}: {other:?} instead of {wanted}; all: {:?}", self.facts).into()),
        }
    }
}

fn own_user() -> OwnUser {
    if nix::unistd::geteuid().is_root() { OwnUser::Yes } else { OwnUser::No }
}

/// Makes a world for one case and listens to the sandbox in it. `None` where there are no user namespaces.
fn sandbox(case: &Case) -> Result<Option<Told>, Failed> {
    let (mut near, far) = UnixStream::pair()?;
    let (ready_here, mut ready_there) = std::io::pipe()?;
    let (mut go_there, go_here) = std::io::pipe()?;
    let program = CString::new(std::fs::read_link("/proc/self/exe")?.into_os_string().into_encoded_bytes())?;
    let environment = [format!("{ROLE}={}", case.text()), format!("FAR={}", far.as_raw_fd())];
    let environment: Vec<CString> = environment.into_iter().map(CString::new).collect::<Result<_, _>>()?;

    if std::fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err("this process has threads".into());
    }
    // SAFETY: this process has one thread, as was just counted.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let outcome = (|| -> Outcome {
            unshare(worlds_namespaces())?;
            ready_there.write_all(b"r")?;
            go_there.read_exact(&mut [0])?;
            let zero = nix::unistd::Uid::from_raw(0);
            nix::unistd::setresuid(zero, zero, zero)?;
            // SAFETY: no memory is passed.
            unsafe { libc::fcntl(far.as_raw_fd(), libc::F_SETFD, 0) };
            nix::unistd::execve(&program, &[&program], &environment)?;
            Ok(())
        })();
        // SAFETY: ends the process; nothing after it runs.
        unsafe { libc::_exit(if outcome.is_err() { NO_WORLD } else { 0 }) };
    }
    drop((far, ready_there, go_there));

    if (&ready_here).read(&mut [0])? == 1 {
        map_ids(pid)?;
        (&go_here).write_all(b"g")?;
    }
    drop(go_here);

    let mut facts = BTreeMap::new();
    for line in BufReader::new(near.try_clone()?).lines() {
        let line = line?;
        if line == "end" {
            break;
        }
        let (name, value) = line.split_once('=').ok_or("not a fact")?;
        facts.insert(name.to_owned(), value.to_owned());
    }
    let seal = match facts.get("pid") {
        Some(pid) => Some(Seal::read(pid.parse()?)?),
        None => None,
    };
    // The sandbox waits for this byte before it ends.
    let _ = near.write_all(b"x");
    let mut status = 0;
    // SAFETY: `status` is valid for writing.
    unsafe { libc::waitpid(pid, &raw mut status, 0) };
    match (libc::WIFEXITED(status), libc::WEXITSTATUS(status)) {
        (true, 0) => Ok(Some(Told { facts, seal })),
        (true, NO_WORLD) => Ok(None),
        _ => Err(format!("the template ended with {status:#x}; facts: {facts:?}").into()),
    }
}

const NO_WORLD: i32 = 77;

fn worlds_namespaces() -> CloneFlags {
    CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWCGROUP
}

fn map_ids(pid: libc::pid_t) -> Result<(), Failed> {
    let put = |file: &str, text: &str| std::fs::write(format!("/proc/{pid}/{file}"), text);
    if own_user() == OwnUser::Yes {
        put("gid_map", "0 0 1\n1 300000 2000\n")?;
        put("uid_map", "0 0 1\n1 300000 2000\n")?;
    } else {
        put("setgroups", "deny")?;
        put("gid_map", &format!("0 {} 1\n", nix::unistd::getegid()))?;
        put("uid_map", &format!("0 {} 1\n", nix::unistd::geteuid()))?;
    }
    Ok(())
}

macro_rules! sandbox_or_skip {
    ($case:expr) => {
        match sandbox($case)? {
            Some(told) => told,
            None => return common::skip("no user namespaces here"),
        }
    };
}

fn hardening_holds() -> Result<(), Failed> {
    let told = sandbox_or_skip!(&Case::default());
    for (name, wanted) in EFFECTS.iter().flat_map(|(_, effects)| *effects) {
        told.is(name, wanted)?;
    }
    told.is("outcome", "ok")?;
    told.is("core", "0 0")?;
    told.is("clone3", "ENOSYS")?;
    told.is("socket", "EPERM")?;
    told.is("thread", "works")?;
    told.is("stamps", "in order, own keyring")?;
    told.is("dumpable", "0")?;
    let own = own_user() == OwnUser::Yes;
    if own {
        told.is("user", "1000 1000")?;
        told.is("groups", "0")?;
        told.is("processes", "64 64")?;
    }

    let seal = told.seal.ok_or("no seal")?;
    let filters = 2 + filters_of_this_process()?;
    if !seal.no_new_privs || seal.seccomp_filters != filters || seal.capabilities != 0 {
        return Err(format!("{seal:?}").into());
    }
    if seal.namespaces != Namespace::ALL {
        return Err(format!("namespaces: {:?}", seal.namespaces).into());
    }
    if seal.missing.contains(&Missing::OwnUser) == own {
        return Err(format!("missing: {:?}", seal.missing).into());
    }
    Ok(())
}

/// This test may itself run below filters.
fn filters_of_this_process() -> Result<u32, Failed> {
    Ok(Seal::read(std::process::id())?.seccomp_filters)
}

fn policy_sets_the_limits() -> Result<(), Failed> {
    let told = sandbox_or_skip!(&Case { tight: true, ..Case::default() });
    told.is("files", "32 32")?;
    told.is("file size", "4096 4096")?;
    if own_user() == OwnUser::Yes {
        told.is("processes", "3 3")?;
    }
    Ok(())
}

fn descriptors_overlap() -> Result<(), Failed> {
    let places = [
        [0, 1, 2, 3],
        [3, 2, 1, 0],
        [1, 2, 3, 0],
        [3, 0, 1, 2],
        [2, 3, 0, 1],
        [40, 41, 42, 43],
        [3, 40, 0, 4],
        [4, 5, 6, 7],
    ];
    for place in places {
        let told = sandbox_or_skip!(&Case { descriptors: Some(place), ..Case::default() });
        told.is("outcome", "ok")?;
        told.is("placed", "0 1 2 3")?;
        told.is("open", "0 1 2 3")?;
    }
    Ok(())
}

fn stamps_travel() -> Result<(), Failed> {
    let bytes: [u8; Stamps::LENGTH] = std::array::from_fn(|at| u8::try_from(at).unwrap_or(0));
    let stamps = Stamps::from_bytes(&bytes);
    let first = u64::from_ne_bytes([0, 1, 2, 3, 4, 5, 6, 7]);
    if stamps.to_bytes() == bytes && stamps.begun().0 == first && stamps.keyring() == Keyring::Templates {
        return Ok(());
    }
    Err(format!("{stamps:?}").into())
}

/// The control for the seal: it must see that nothing holds.
fn plain_process() -> Result<(), Failed> {
    let seal = Seal::read(std::process::id())?;
    if !seal.namespaces.is_empty() || !seal.missing.contains(&Missing::OwnUser) {
        return Err(format!("{seal:?}").into());
    }
    let (_, ended) = common::forked(|| Ok(()))?;
    assert_eq!(ended.signal(), None);
    match Seal::read(0x7fff_ffff) {
        Err(zeroboot_isolation::seal::SealError::Gone(_)) => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

fn step_numbers() -> Result<(), Failed> {
    for (step, id) in Step::ALL.iter().zip(100..) {
        if step.id() != id || Step::from_id(id) != Some(*step) || step.name().is_empty() {
            return Err(format!("{step:?}").into());
        }
    }
    match Step::from_id(99) {
        None => Ok(()),
        Some(step) => Err(format!("{step:?}").into()),
    }
}

/// What a child sees after each step, for as many steps as can be told apart from outside or by itself.
const EFFECTS: &[(Step, &[(&str, &str)])] = &[
    (Step::JoinNamespaces, &[("joined", "yes")]),
    (Step::NewSession, &[("leader", "yes")]),
    (Step::Limits, &[("core", "0 0"), ("locked", "65536 65536")]),
    (Step::Groups, &[("groups", "0")]),
    (Step::Group, &[("group", "1000 1000")]),
    (Step::User, &[("user", "1000 1000")]),
    (Step::WorkingDirectory, &[("directory", "/home/sandbox")]),
    (Step::Capabilities, &[("capabilities", "0")]),
    (Step::Descriptors, &[("placed", "0 1 2 3")]),
    (Step::CloseOthers, &[("open", "0 1 2 3")]),
    (Step::Signals, &[("mask", "empty")]),
    (Step::Filter, &[("setns", "EPERM")]),
];

fn failing_step_is_the_last() -> Result<(), Failed> {
    for step in Step::ALL {
        let skipped = match step {
            Step::Mount => true,
            Step::Groups | Step::Group | Step::User => own_user() == OwnUser::No,
            _ => false,
        };
        if skipped {
            continue;
        }
        let told = sandbox_or_skip!(&Case { fail_at: Some(*step), ..Case::default() });
        told.is("outcome", &format!("{} {}", step.id(), Errno::ECANCELED as i32))?;
        for (other, effects) in EFFECTS {
            for (name, wanted) in *effects {
                let there = told.facts.get(*name).is_some_and(|value| value == wanted);
                if there != (other.id() < step.id()) && applies(*other) {
                    return Err(format!("failing at {step:?}: {other:?} is {there}: {:?}", told.facts).into());
                }
            }
        }
    }
    Ok(())
}

/// Without a user of its own a sandbox has nothing to take, and no groups to lose.
fn applies(step: Step) -> bool {
    own_user() == OwnUser::Yes || !matches!(step, Step::Groups | Step::Group | Step::User)
}

// ---------------------------------------------------------------- the template's side

fn template(case: &Case) -> ExitCode {
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
    mount(Some("tmpfs"), "/home", Some("tmpfs"), MsFlags::empty(), None::<&str>)?;
    std::fs::create_dir("/home/sandbox")?;
    if own == OwnUser::Yes {
        std::os::unix::fs::chown("/home/sandbox", Some(USER.0), Some(USER.0))?;
        nix::unistd::setgroups(&[0.into(), 7.into()])?;
    }
    std::fs::set_permissions("/home/sandbox", std::os::unix::fs::PermissionsExt::from_mode(0o700))?;

    let (mut ready, mut settled) = std::io::pipe()?;
    // SAFETY: this program has one thread.
    let shell = unsafe { libc::fork() };
    if shell == 0 {
        // SAFETY: no memory is passed. The shell ends with its template.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) };
        // Whoever joins must be allowed to look at the shell: it may not hold more capabilities than the joiner.
        let made = unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWIPC).is_ok()
            && zeroboot_isolation::child::drop_capabilities().is_ok();
        let _ = settled.write_all(if made { b"y" } else { b"n" });
        zeroboot_isolation::shell::idle();
    }
    drop(settled);
    let mut answer = [0];
    ready.read_exact(&mut answer)?;
    if answer != *b"y" {
        return Err("the shell could not be made".into());
    }
    drop(ready);
    // SAFETY: the result is checked before it is owned.
    let pidfd = unsafe {
        OwnedFd::from_raw_fd(Errno::result(libc::syscall(libc::SYS_pidfd_open, shell, 0))?.try_into()?)
    };
    let shells = ["mnt", "ipc"].map(|kind| std::fs::read_link(format!("/proc/{shell}/ns/{kind}")));
    let [mounts, ipc] = shells;
    let shells = [mounts?, ipc?];

    let mut policy = Policy::strict();
    if case.tight {
        policy = policy.open_files(32).processes(3).file_size(zeroboot_isolation::policy::Bytes::kibi(4));
    }
    let filters = Filters::compile()?;
    seal_template(&filters)?;
    let prepared = prepare(&policy, filters, case)?;

    // SAFETY: a set that is initialised before it is used.
    unsafe {
        let mut blocked = std::mem::zeroed();
        libc::sigemptyset(&raw mut blocked);
        libc::sigaddset(&raw mut blocked, libc::SIGUSR1);
        libc::sigprocmask(libc::SIG_BLOCK, &raw const blocked, std::ptr::null_mut());
    }
    // The child needs its number as the test knows it.
    let (mut number_here, mut number_there) = std::io::pipe()?;
    // SAFETY: this program has one thread.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let mut number = [0; 4];
        let outcome = number_here.read_exact(&mut number).map_err(Into::into).and_then(|()| {
            in_the_child(case, &prepared, &pidfd, far, own, &shells, i32::from_ne_bytes(number))
        });
        // SAFETY: ends the process; nothing after it runs.
        unsafe { libc::_exit(i32::from(outcome.is_err())) };
    }
    number_there.write_all(&child.to_ne_bytes())?;
    drop(far);
    let mut status = 0;
    // SAFETY: `status` is valid for writing.
    unsafe {
        libc::waitpid(child, &raw mut status, 0);
        libc::kill(shell, libc::SIGKILL);
        libc::waitpid(shell, std::ptr::null_mut(), 0);
    }
    if status == 0 { Ok(()) } else { Err(format!("the child ended with {status:#x}").into()) }
}

#[cfg(feature = "failure-injection")]
fn prepare(policy: &Policy, filters: Filters, case: &Case) -> Outcome<Prepared> {
    let prepared = Prepared::new(policy, filters)?;
    Ok(match case.fail_at {
        Some(step) => prepared.fail_at(step),
        None => prepared,
    })
}

#[cfg(not(feature = "failure-injection"))]
fn prepare(policy: &Policy, filters: Filters, _case: &Case) -> Outcome<Prepared> {
    Ok(Prepared::new(policy, filters)?)
}

// ---------------------------------------------------------------- the child's side

fn in_the_child(
    case: &Case,
    prepared: &Prepared,
    shell: &OwnedFd,
    far: OwnedFd,
    own_user: OwnUser,
    shells: &[std::path::PathBuf; 2],
    pid: i32,
) -> Outcome {
    let [a, b] = [std::io::pipe()?, std::io::pipe()?];
    let objects = [OwnedFd::from(a.0), OwnedFd::from(a.1), OwnedFd::from(b.1), far];
    let identities = objects.each_ref().map(|object| fstat(object).map(|stat| stat.st_ino).unwrap_or(0));
    let shell = shell_above(shell)?;
    let numbers = arrange(case, &objects)?;
    // SAFETY: open descriptors that nobody closes before the hardening does.
    let [stdin, stdout, stderr, channel] = numbers.map(|number| unsafe { BorrowedFd::borrow_raw(number) });
    let place = Place { shell, user: USER, own_user, stdin, stdout, stderr, channel };
    let mut stamps = Stamps::default();
    let outcome = prepared.apply(&place, &mut stamps);

    let channel_now = match outcome {
        Ok(()) => CHANNEL,
        Err(Failure { step, .. }) if step.id() > Step::Descriptors.id() => CHANNEL,
        Err(_) => numbers[3],
    };
    // SAFETY: the channel is open there; it is never closed twice, since the process leaves by `_exit`.
    let mut channel = std::mem::ManuallyDrop::new(unsafe { UnixStream::from_raw_fd(channel_now) });
    let text = facts(outcome, &stamps, &identities, shells, pid)?;
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

/// The cases lay things upon low descriptors: the pidfd gets out of their way. Its copy stays open.
fn shell_above(shell: &OwnedFd) -> Outcome<BorrowedFd<'static>> {
    // SAFETY: no memory is passed; the new descriptor is never closed by an owner.
    Ok(unsafe { BorrowedFd::borrow_raw(Errno::result(libc::fcntl(shell.as_raw_fd(), libc::F_DUPFD, 200))?) })
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
