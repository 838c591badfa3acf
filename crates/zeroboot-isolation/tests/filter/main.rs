//! What the filters let through and what they refuse, on real processes.
//!
//! Every probe has a control run without the filter. Probes run in a user namespace of their own: if the filter let
//! something through, it would not reach the machine.

#[path = "../common/mod.rs"]
mod common;

mod arguments;
mod programs;

use std::collections::BTreeSet;
use std::io::Read;
use std::process::ExitCode;

use common::{Forked, Outcome, content, ensure, forked, run, skip};
use libtest_mimic::{Failed, Trial};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use zeroboot_isolation::child::OwnUser;
use zeroboot_isolation::filter::{ALLOWED, CompiledFilter, Filters, REFUSED};
use zeroboot_isolation::policy::{Policy, UserId};
use zeroboot_isolation::shell::ShellPlan;
use zeroboot_isolation::sockets::Sockets;

fn main() -> ExitCode {
    run(vec![
        Trial::test("programs_are_as_short_as_promised", lengths),
        Trial::test("every_refused_call_answers_its_error", refused),
        Trial::test("every_unknown_call_answers_enosys", unknown),
        Trial::test("arguments_decide", arguments::arguments_decide),
        Trial::test("users_and_networks_decide", arguments::settings_decide),
        Trial::test("what_may_be_ignored_is", arguments::ignored),
        Trial::test("delta_takes_away_what_the_template_needed", delta),
        Trial::test("i386_calls_kill", i386),
        Trial::test("x32_calls_are_refused", x32),
        Trial::test("threads_and_subprocesses_work", programs::threads_and_subprocesses),
        Trial::test("python_works", programs::python),
        Trial::test("numpy_and_pandas_work", programs::numpy_and_pandas),
        Trial::test("a_shell_works", programs::shell),
        Trial::test("a_shell_can_only_wait", shell_waits),
        Trial::test("installing_needs_no_new_privs", needs_no_new_privs),
    ])
}

#[derive(Clone, Copy, PartialEq)]
enum Wall {
    None,
    Base,
    BaseAndDelta,
    /// The base filter for other sandboxes than most tests have.
    BaseOf(Sockets, OwnUser),
}

/// Takes the powers of a user namespace, then the filters.
fn enclose(wall: Wall) -> Outcome {
    let filters = match wall {
        Wall::BaseOf(sockets, own_user) => Filters::compile(sockets, own_user)?,
        _ => Filters::compile(Sockets::Pairs, OwnUser::Yes)?,
    };
    // An ordinary user who may not make one has no powers that need taking.
    match unshare(CloneFlags::CLONE_NEWUSER) {
        Err(errno) if nix::unistd::getuid().is_root() => return Err(errno.into()),
        _ => {}
    }
    no_new_privs()?;
    if wall != Wall::None {
        filters.base.install()?;
    }
    if wall == Wall::BaseAndDelta {
        filters.delta.install()?;
    }
    Ok(())
}

fn no_new_privs() -> Result<(), Errno> {
    // SAFETY: no memory is passed.
    Errno::result(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }).map(drop)
}

type Arguments = [u64; 6];

const BAD: u64 = u64::MAX;

fn raw(number: i64, [a, b, c, d, e, f]: Arguments) -> Result<i64, Errno> {
    // SAFETY: called only with arguments that hold no address, or an unmapped one: no memory is touched.
    Errno::result(unsafe { libc::syscall(number, a, b, c, d, e, f) })
}

fn expect(what: &str, got: Result<i64, Errno>, wanted: Result<i64, Errno>) -> Outcome {
    if got == wanted { Ok(()) } else { Err(format!("{what}: {got:?} instead of {wanted:?}").into()) }
}

fn lengths() -> Result<(), Failed> {
    let filters = Filters::compile(Sockets::Pairs, OwnUser::Yes)?;
    let (base, delta) = (filters.base.len(), filters.delta.len());
    if base <= 800 && delta <= 7 { Ok(()) } else { Err(format!("base {base}, delta {delta}").into()) }
}

fn refused() -> Result<(), Failed> {
    content(|| {
        enclose(Wall::Base)?;
        for group in REFUSED {
            for call in group.calls {
                expect(call.name(), raw(call.number, [BAD; 6]), Err(group.answer))?;
            }
        }
        Ok(())
    })?;
    // The control: enough of them answer otherwise when nothing refuses.
    content(|| {
        enclose(Wall::None)?;
        let controls = [
            ("unshare", libc::SYS_unshare),
            ("ptrace", libc::SYS_ptrace),
            ("add_key", libc::SYS_add_key),
            ("io_uring_setup", libc::SYS_io_uring_setup),
            ("shmget", libc::SYS_shmget),
            ("inotify_init1", libc::SYS_inotify_init1),
            ("process_vm_readv", libc::SYS_process_vm_readv),
        ];
        for (name, number) in controls {
            if matches!(raw(number, [BAD; 6]), Err(Errno::EPERM | Errno::ENOSYS)) {
                return Err(format!("{name} is refused without a filter as well: not a fair test").into());
            }
        }
        Ok(())
    })
}

/// `uretprobe` and `uprobe` of x86_64: the kernel never asks a filter about them, and answers with a signal.
const PROBES: [i64; 2] = [335, 336];

fn unknown() -> Result<(), Failed> {
    let allowed = ALLOWED.iter().flat_map(|group| group.entries).map(|entry| &entry.call);
    let known: BTreeSet<i64> =
        allowed.chain(REFUSED.iter().flat_map(|group| group.calls)).map(|call| call.number).collect();
    content(move || {
        enclose(Wall::Base)?;
        for number in (0..1024).filter(|number| !known.contains(number) && !PROBES.contains(number)) {
            expect(&format!("call {number}"), raw(number, [BAD; 6]), Err(Errno::ENOSYS))?;
        }
        Ok(())
    })?;
    content(|| {
        enclose(Wall::None)?;
        expect("sched_getattr without a filter", raw(libc::SYS_sched_getattr, [BAD; 6]), Err(Errno::EINVAL))
    })
}

fn delta() -> Result<(), Failed> {
    let probes = [
        ("clone3", libc::SYS_clone3, [0; 6], Errno::EINVAL, Errno::ENOSYS),
        ("setns", libc::SYS_setns, [BAD, 0, 0, 0, 0, 0], Errno::EBADF, Errno::EPERM),
        ("keyctl join", libc::SYS_keyctl, [1, 1, 0, 0, 0, 0], Errno::EFAULT, Errno::EPERM),
    ];
    for (wall, wanted) in [(Wall::Base, 0), (Wall::BaseAndDelta, 1)] {
        content(|| {
            enclose(wall)?;
            for (what, number, arguments, before, after) in probes {
                expect(what, raw(number, arguments), Err(if wanted == 0 { before } else { after }))?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

#[cfg(target_arch = "x86_64")]
fn i386() -> Result<(), Failed> {
    let getpid = |wall| {
        forked(move || {
            enclose(wall)?;
            // SAFETY: getpid of the 32-bit table (20) touches no memory; rax is declared as changed.
            unsafe {
                std::arch::asm!("int 0x80", inout("rax") 20_u64 => _, out("r8") _, out("r9") _, out("r10") _, out("r11") _)
            };
            Ok(())
        })
    };
    if getpid(Wall::None)?.1.signal().is_some() {
        return skip("this kernel has no 32-bit system calls");
    }
    match getpid(Wall::Base)?.1.signal() {
        Some(libc::SIGSYS) => Ok(()),
        other => Err(format!("ended by {other:?}").into()),
    }
}

#[cfg(target_arch = "x86_64")]
fn x32() -> Result<(), Failed> {
    const X32: i64 = 1 << 30;
    // A kernel without x32 answers the same by itself.
    content(|| {
        enclose(Wall::Base)?;
        for number in [libc::SYS_getpid, libc::SYS_socket, libc::SYS_ptrace, 520] {
            expect("x32 call", raw(X32 | number, [BAD; 6]), Err(Errno::ENOSYS))?;
        }
        Ok(())
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn i386() -> Result<(), Failed> {
    skip("no 32-bit system calls by interrupt on this architecture")
}

#[cfg(not(target_arch = "x86_64"))]
fn x32() -> Result<(), Failed> {
    skip("no x32 system calls on this architecture")
}

fn shell_waits() -> Result<(), Failed> {
    let (mut parked, open) = std::io::pipe()?;
    let shell = Forked::start(|| {
        let failure = ShellPlan::prepare(&Policy::strict(), UserId(1000))?.park();
        Err(format!("{failure:?}").into())
    })?;
    drop(open);
    // The end of file: it has closed every descriptor, which it does below its filter.
    parked.read_to_end(&mut Vec::new())?;
    let status = std::fs::read_to_string(format!("/proc/{}/status", shell.pid))?;
    let (_, ended) = shell.kill()?;
    ensure(status.contains("\nSeccomp:\t2\n"), || status)?;
    // Anything else would say that it ended by itself.
    ensure(ended.signal() == Some(libc::SIGKILL), || format!("{ended:?}"))?;

    let (_, asking) = forked(|| {
        let filter = CompiledFilter::shell()?;
        no_new_privs()?;
        filter.install()?;
        nix::unistd::getppid();
        Ok(())
    })?;
    ensure(asking.signal() == Some(libc::SIGSYS), || format!("{asking:?}"))?;
    Ok(())
}

fn needs_no_new_privs() -> Result<(), Failed> {
    let without = |pick: fn(&Filters) -> &CompiledFilter| {
        content(move || {
            let filters = Filters::compile(Sockets::Pairs, OwnUser::Yes)?;
            zeroboot_isolation::child::drop_capabilities()?;
            match pick(&filters).install() {
                Err(Errno::EACCES) => Ok(()),
                other => Err(format!("{other:?}").into()),
            }
        })
    };
    without(|filters| &filters.base)?;
    without(|filters| &filters.delta)
}
