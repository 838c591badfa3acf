//! A system call that is refused at any step of the hardening ends in a typed error and a dead process, and never in
//! user code that runs half hardened.
//!
//! As in a container engine whose profile forbids something, the host stands below a system-call filter, and so does
//! all that it starts. A supervisor answers in the kernel's stead: it refuses one call to one kind of process, and sees
//! which process ends, which one runs user code, and whether any is left. The host is this program again.

#[path = "../common/mod.rs"]
mod common;
mod host;

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::sync::LazyLock;

use common::{interpreters, run, skip};
use libtest_mimic::{Failed, Trial};
use nix::errno::Errno;
use nix::libc::{self, c_int, c_long};
use zeroboot::Interpreter;
use zeroboot_isolation::child::Step;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(host::ROLE) {
        return host::run();
    }
    let steps = STEPS.iter().filter(|(step, _)| takes_place(*step)).map(|(step, call)| {
        Trial::test(format!("a_sandbox_that_cannot_{}", call.name), move || sandbox_ends(*step, call))
    });
    let before = BEFORE.iter().map(|(whose, call, error)| {
        let name = format!("a_{}_that_cannot_{}", whose.name(), call.name);
        Trial::test(name, move || no_template(*whose, call, error))
    });
    let pretended = Trial::test(format!("a_kernel_that_pretends_to_{}", PRETENDED.name), || {
        sandbox_ends(Step::ReadBack, &PRETENDED)
    });
    run(steps.chain(before).chain([pretended]).collect())
}

/// A system call, and what is answered instead of making it.
#[derive(Debug, Clone, Copy)]
struct Call {
    name: &'static str,
    number: c_long,
    /// Which argument has to have which value.
    argument: Option<(usize, c_int)>,
    answer: Result<(), Errno>,
}

const fn call(name: &'static str, number: c_long, errno: Errno) -> Call {
    Call { name, number, argument: None, answer: Err(errno) }
}

const fn prctl(name: &'static str, option: c_int, errno: Errno) -> Call {
    Call { name, number: libc::SYS_prctl, argument: Some((0, option)), answer: Err(errno) }
}

/// The calls of a sandbox's own hardening, with answers that kernels and container engines give.
const STEPS: &[(Step, Call)] = &[
    (Step::JoinNamespaces, call("join_namespaces", libc::SYS_setns, Errno::EPERM)),
    (Step::NewSession, call("start_a_session", libc::SYS_setsid, Errno::EPERM)),
    (Step::Limits, call("set_limits", libc::SYS_prlimit64, Errno::EPERM)),
    (Step::Groups, call("empty_its_groups", libc::SYS_setgroups, Errno::EPERM)),
    (Step::Group, call("take_a_group", libc::SYS_setresgid, Errno::EPERM)),
    (Step::User, call("take_a_user", libc::SYS_setresuid, Errno::EAGAIN)),
    (Step::Keyring, call("join_a_keyring", libc::SYS_keyctl, Errno::EPERM)),
    (Step::WorkingDirectory, call("enter_its_home", libc::SYS_chdir, Errno::EACCES)),
    (Step::Capabilities, prctl("clear_ambient_capabilities", libc::PR_CAP_AMBIENT, Errno::EPERM)),
    (Step::Capabilities, call("drop_capabilities", libc::SYS_capset, Errno::EPERM)),
    (Step::Dumpable, prctl("become_undumpable", libc::PR_SET_DUMPABLE, Errno::EPERM)),
    (Step::Landlock, call("enter_landlock_rules", libc::SYS_landlock_restrict_self, Errno::E2BIG)),
    (Step::Descriptors, call("place_descriptors", libc::SYS_dup3, Errno::EBUSY)),
    (Step::CloseOthers, call("close_descriptors", libc::SYS_close_range, Errno::ENOSYS)),
    (Step::Signals, call("set_its_signal_mask", libc::SYS_rt_sigprocmask, Errno::EPERM)),
    (Step::Filter, call("install_a_filter", libc::SYS_seccomp, Errno::ENOMEM)),
    (Step::ReadBack, call("read_its_capabilities", libc::SYS_capget, Errno::EPERM)),
    (Step::ReadBack, prctl("read_its_filters", libc::PR_GET_SECCOMP, Errno::EINVAL)),
];

/// Said to be done, and not done: seen when it is read back.
const PRETENDED: Call =
    Call { name: "drop_capabilities", number: libc::SYS_capset, argument: None, answer: Ok(()) };

/// Whose call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Warden,
    Shell,
    Template,
    Sandbox,
}

impl Whose {
    const fn name(self) -> &'static str {
        match self {
            Self::Warden => "warden",
            Self::Shell => "shell",
            Self::Template => "template",
            Self::Sandbox => "sandbox",
        }
    }
}

const BOUND_CORES: Call = Call {
    name: "bound_core_files",
    number: libc::SYS_prlimit64,
    argument: Some((1, libc::RLIMIT_CORE.cast_signed())),
    answer: Err(Errno::EPERM),
};

/// What comes before a sandbox: then there is no template, and the error names the step.
const BEFORE: &[(Whose, Call, &str)] = &[
    (Whose::Warden, call("change_its_root", libc::SYS_pivot_root, Errno::EPERM), "pivot_root: EPERM"),
    (Whose::Shell, call("mount", libc::SYS_mount, Errno::EPERM), "mount the private file systems: EPERM"),
    (Whose::Shell, call("block_signals", libc::SYS_rt_sigprocmask, Errno::EPERM), "set up signals: EPERM"),
    (Whose::Shell, call("drop_capabilities", libc::SYS_capset, Errno::EPERM), "drop all capabilities: EPERM"),
    (
        Whose::Shell,
        prctl("be_dumped", libc::PR_SET_DUMPABLE, Errno::EPERM),
        "set whether it may be dumped: EPERM",
    ),
    (Whose::Shell, call("close_descriptors", libc::SYS_close_range, Errno::ENOSYS), "descriptors: ENOSYS"),
    (Whose::Shell, call("make_rules", libc::SYS_landlock_add_rule, Errno::ENOMEM), "Landlock rules: ENOMEM"),
    (Whose::Shell, call("install_a_filter", libc::SYS_seccomp, Errno::ENOMEM), "install the filter: ENOMEM"),
    (Whose::Template, prctl("empty_the_bounding_set", libc::PR_CAPBSET_DROP, Errno::EPERM), "bounding set"),
    (Whose::Template, prctl("lock_secure_bits", libc::PR_SET_SECUREBITS, Errno::EPERM), "secure bits"),
    (
        Whose::Template,
        call("reduce_capabilities", libc::SYS_capset, Errno::EPERM),
        "Inheritable capabilities",
    ),
    (
        Whose::Template,
        prctl("give_up_new_privileges", libc::PR_SET_NO_NEW_PRIVS, Errno::EPERM),
        "no_new_privs",
    ),
    (Whose::Template, call("join_a_keyring", libc::SYS_keyctl, Errno::EDQUOT), "session keyring"),
    (Whose::Template, BOUND_CORES, "limit of core files: EPERM"),
    (Whose::Template, prctl("become_undumpable", libc::PR_SET_DUMPABLE, Errno::EPERM), "not dumpable: EPERM"),
    (
        Whose::Template,
        call("install_a_filter", libc::SYS_seccomp, Errno::ENOMEM),
        "base system-call filter: ENOMEM",
    ),
];

/// Without a user of its own a sandbox has none to take, and no groups to lose.
fn takes_place(step: Step) -> bool {
    nix::unistd::geteuid().is_root() || !matches!(step, Step::Groups | Step::Group | Step::User)
}

/// The rehearsal's sandbox fails first and leaves the template as it is; the second one is the host's.
fn sandbox_ends(step: Step, call: &Call) -> Result<(), Failed> {
    let Some(seen) = observe(Whose::Sandbox, call, 2)? else { return skip("no python3 from 3.9 on") };
    let errno = call.answer.err().unwrap_or(Errno::EPROTO);
    // And one event, with these fields.
    seen.check(2, &format!("hardening {} {}, told: [\"message cause\"]", step.id(), errno as i32))
}

fn no_template(whose: Whose, call: &Call, error: &str) -> Result<(), Failed> {
    let Some(seen) = observe(whose, call, 1)? else { return skip("no python3 from 3.9 on") };
    seen.check(1, error)
}

/// What the host said, and what the supervisor saw.
#[derive(Debug, Default)]
struct Seen {
    result: Option<String>,
    then: Option<String>,
    refused: Vec<String>,
    gone: Vec<String>,
    witnesses: Vec<String>,
    nothing_left: bool,
}

impl Seen {
    fn hear(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.to_owned();
        match word {
            "result" => self.result = Some(rest),
            "then" => self.then = Some(rest),
            "refused" => self.refused.push(rest),
            "gone" => self.gone.push(rest),
            "witness" => self.witnesses.push(rest),
            "nothing" => self.nothing_left = true,
            _ => {}
        }
    }

    /// Whether the host has its error, and all processes that were refused something have ended.
    fn is_over(&self) -> bool {
        self.result.is_some() && self.refused.len() == self.gone.len()
    }

    /// So many refusals, the host's error says this, and only the sandbox that was asked for afterwards has run
    /// user code: by that one it is known that the witness would have been seen.
    fn check(&self, times: usize, error: &str) -> Result<(), Failed> {
        let told = self.result.as_deref().is_some_and(|result| result.contains(error));
        let witness = match &self.witnesses[..] {
            [pid] => !self.refused.contains(pid),
            _ => false,
        };
        let ended = self.refused.len() == times && self.gone.len() == times && self.nothing_left;
        if told && witness && ended && self.then.as_deref() == Some("ran") {
            return Ok(());
        }
        Err(format!("{error:?} and {times} refusals were expected: {self:?}").into())
    }
}

/// Runs the host below the filter. `None`: there is no interpreter.
fn observe(whose: Whose, call: &Call, times: u32) -> Result<Option<Seen>, Failed> {
    static INTERPRETER: LazyLock<Option<Interpreter>> = LazyLock::new(|| interpreters().into_iter().next());
    let Some(interpreter) = &*INTERPRETER else { return Ok(None) };
    let argument = call.argument.map_or("null".to_owned(), |(which, value)| format!("[{which}, {value}]"));
    let errno = call.answer.err().map_or(0, |errno| errno as i32);
    let asked = format!(
        r#"{{"seccomp": {}, "number": {}, "argument": {argument}, "errno": {errno}, "whose": "{}", "times": {times}, "witness": {}}}"#,
        libc::SYS_seccomp,
        call.number,
        whose.name(),
        host::WITNESS,
    );
    let mut supervisor = Command::new(interpreter.executable())
        .args(["-I", "-c", include_str!("supervisor.py"), &asked])
        .arg(std::env::current_exe()?)
        .arg(host::ROLE)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut word = supervisor.stdin.take();
    let mut seen = Seen::default();
    let output = supervisor.stdout.take().ok_or("no output")?;
    for line in BufReader::new(output).lines() {
        seen.hear(&line?);
        if seen.is_over() {
            // The host asks again.
            drop(word.take());
        }
    }
    supervisor.wait()?;
    Ok(Some(seen))
}
