//! A sandbox's hardening from end to end: a throw-away world, a shell, a sealed template, and a child which tells
//! over its channel what it sees, while the test reads its seal from outside.
//!
//! The template is this program again, executed inside new namespaces: memory that was made there belongs to them,
//! as it does in earnest, so an ordinary user may read the seal as well.

#[path = "../common/mod.rs"]
mod common;
mod template;

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use common::Outcome;
use libtest_mimic::{Failed, Trial};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit};
use zeroboot_isolation::child::{Keyring, OwnUser, Stamps, Step};
use zeroboot_isolation::seal::{Missing, Namespace, Seal, SealReader};

const ROLE: &str = "ZEROBOOT_TEST_CASE";

fn main() -> ExitCode {
    if let Ok(case) = std::env::var(ROLE) {
        return template::run(&Case::parse(&case));
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
        Some(pid) => Some(SealReader::new()?.read(pid.parse()?, None)?),
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
    let told = sandbox_or_skip!(&Case { tight: true, ..Case::default() });
    let held = EFFECTS.iter().filter(|(step, _)| applies(*step));
    for (name, wanted) in held.flat_map(|(_, effects)| *effects) {
        told.is(name, wanted)?;
    }
    told.is("outcome", "ok")?;
    // A hard limit of 0 can only stay.
    let core = getrlimit(Resource::RLIMIT_CORE)?.1.min(1);
    told.is("core", &format!("{core} {core}"))?;
    told.is("file size", "4096 4096")?;
    told.is("clone3", "ENOSYS")?;
    told.is("socket", "EPERM")?;
    told.is("thread", "works")?;
    told.is("stamps", "in order, own keyring")?;
    told.is("dumpable", "0")?;
    let own = own_user() == OwnUser::Yes;
    if own {
        told.is("user", "1000 1000")?;
        told.is("groups", "0")?;
        told.is("processes", "3 3")?;
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
    Ok(SealReader::new()?.read(std::process::id(), None)?.seccomp_filters)
}

/// The strict policy; the tight one of the other tests is the control.
fn policy_sets_the_limits() -> Result<(), Failed> {
    let told = sandbox_or_skip!(&Case::default());
    let within = |resource, asked: u64| getrlimit(resource).map(|(_, hard)| asked.min(hard));
    for (name, resource, asked) in [
        ("files", Resource::RLIMIT_NOFILE, 1024),
        ("locked", Resource::RLIMIT_MEMLOCK, 65_536),
        ("file size", Resource::RLIMIT_FSIZE, u64::MAX),
    ] {
        let limit = within(resource, asked)?;
        told.is(name, &format!("{limit} {limit}"))?;
    }
    if own_user() == OwnUser::Yes {
        let limit = within(Resource::RLIMIT_NPROC, 64)?;
        told.is("processes", &format!("{limit} {limit}"))?;
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
    let seal = SealReader::new()?.read(std::process::id(), None)?;
    if !seal.namespaces.is_empty() || !seal.missing.contains(&Missing::OwnUser) {
        return Err(format!("{seal:?}").into());
    }
    match SealReader::new()?.read(0x7fff_ffff, None) {
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
    (Step::Limits, &[("files", "32 32")]),
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
            Step::Mount | Step::Network | Step::NetworkMemory | Step::CgroupNamespace => true,
            Step::Groups | Step::Group | Step::User => own_user() == OwnUser::No,
            _ => false,
        };
        if skipped {
            continue;
        }
        let told = sandbox_or_skip!(&Case { fail_at: Some(*step), tight: true, ..Case::default() });
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
