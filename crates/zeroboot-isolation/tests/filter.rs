//! What the filters let through and what they refuse, on real processes.
//!
//! Every probe has a control run without the filter. Probes run in a user namespace of their own: if the filter let
//! something through, it would not reach the machine.

mod common;

use std::collections::BTreeSet;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode};

use common::{Forked, Outcome, content, ensure, forked, run, skip};
use libtest_mimic::{Failed, Trial};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use zeroboot_isolation::filter::{ALLOWED, CONDITIONS, CompiledFilter, Filters, REFUSED, SOCKETS};
use zeroboot_isolation::policy::Network;
use zeroboot_isolation::policy::{Policy, UserId};
use zeroboot_isolation::shell::ShellPlan;

fn main() -> ExitCode {
    run(vec![
        Trial::test("tables_do_not_contradict_each_other", tables_agree),
        Trial::test("programs_are_as_short_as_promised", lengths),
        Trial::test("every_refused_call_answers_eperm", refused),
        Trial::test("every_unknown_call_answers_enosys", unknown),
        Trial::test("arguments_decide", arguments_decide),
        Trial::test("delta_takes_away_what_the_template_needed", delta),
        Trial::test("i386_calls_kill", i386),
        Trial::test("x32_calls_are_refused", x32),
        Trial::test("threads_and_subprocesses_work", threads_and_subprocesses),
        Trial::test("python_works", python),
        Trial::test("numpy_and_pandas_work", numpy_and_pandas),
        Trial::test("a_shell_works", shell),
        Trial::test("a_shell_can_only_wait", shell_waits),
        Trial::test("installing_needs_no_new_privs", needs_no_new_privs),
    ])
}

#[derive(Clone, Copy, PartialEq)]
enum Wall {
    None,
    Base,
    BaseAndDelta,
}

/// Takes the powers of a user namespace, then the filters.
fn enclose(wall: Wall) -> Outcome {
    let filters = Filters::compile(Network::None)?;
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

fn tables_agree() -> Result<(), Failed> {
    let numbers = |groups: &[zeroboot_isolation::filter::Group]| -> Vec<i64> {
        groups.iter().flat_map(|group| group.calls).map(|call| call.number).collect()
    };
    let (allowed, refused) = (numbers(ALLOWED), numbers(REFUSED));
    let both: BTreeSet<_> = allowed.iter().chain(&refused).collect();
    if both.len() != allowed.len() + refused.len() {
        return Err("a call stands twice in the tables".into());
    }
    // With a loopback those of the sockets are allowed as well.
    let can_be = |number| allowed.contains(number) || SOCKETS.calls.iter().any(|call| call.number == *number);
    match CONDITIONS.iter().find(|condition| !can_be(&condition.call.number)) {
        Some(condition) => {
            Err(format!("{} has a condition but is not allowed", condition.call.name()).into())
        }
        None => Ok(()),
    }
}

fn lengths() -> Result<(), Failed> {
    let filters = Filters::compile(Network::None)?;
    let (base, delta) = (filters.base.len(), filters.delta.len());
    if base < 4096 && delta <= 12 { Ok(()) } else { Err(format!("base {base}, delta {delta}").into()) }
}

fn refused() -> Result<(), Failed> {
    content(|| {
        enclose(Wall::Base)?;
        for call in REFUSED.iter().flat_map(|group| group.calls) {
            expect(call.name(), raw(call.number, [BAD; 6]), Err(Errno::EPERM))?;
        }
        Ok(())
    })?;
    // The control: enough of them answer otherwise when nothing refuses.
    content(|| {
        enclose(Wall::None)?;
        let controls = [
            ("socket", libc::SYS_socket),
            ("unshare", libc::SYS_unshare),
            ("ptrace", libc::SYS_ptrace),
            ("add_key", libc::SYS_add_key),
            ("io_uring_setup", libc::SYS_io_uring_setup),
            ("shmget", libc::SYS_shmget),
            ("inotify_init1", libc::SYS_inotify_init1),
            ("process_vm_readv", libc::SYS_process_vm_readv),
        ];
        for (name, number) in controls {
            if raw(number, [BAD; 6]) == Err(Errno::EPERM) {
                return Err(format!("{name} is refused without a filter as well: not a fair test").into());
            }
        }
        Ok(())
    })
}

/// `uretprobe` and `uprobe` of x86_64: the kernel never asks a filter about them, and answers with a signal.
const PROBES: [i64; 2] = [335, 336];

fn unknown() -> Result<(), Failed> {
    let known: BTreeSet<i64> =
        ALLOWED.iter().chain(REFUSED).flat_map(|group| group.calls).map(|call| call.number).collect();
    content(move || {
        enclose(Wall::Base)?;
        for number in (0..1024).filter(|number| !known.contains(number) && !PROBES.contains(number)) {
            expect(&format!("call {number}"), raw(number, [BAD; 6]), Err(Errno::ENOSYS))?;
        }
        Ok(())
    })?;
    content(|| {
        enclose(Wall::None)?;
        expect("io_destroy without a filter", raw(libc::SYS_io_destroy, [BAD; 6]), Err(Errno::EINVAL))
    })
}

fn arguments_decide() -> Result<(), Failed> {
    const HIGH: u64 = 1 << 40;
    let unix = libc::AF_UNIX as u64;
    // A call, refused arguments, and arguments of the same call that the kernel itself gets to see.
    let table: Vec<(&str, i64, Arguments, Arguments)> = vec![
        ("clone newuser", libc::SYS_clone, [libc::CLONE_NEWUSER as u64, 0, 0, 0, 0, 0], BAD_CLONE),
        ("clone newnet", libc::SYS_clone, [HIGH | libc::CLONE_NEWNET as u64, 0, 0, 0, 0, 0], BAD_CLONE),
        ("clone newns", libc::SYS_clone, [libc::CLONE_NEWNS as u64 | 17, 0, 0, 0, 0, 0], BAD_CLONE),
        ("socketpair inet", libc::SYS_socketpair, [2, 1, 0, BAD, 0, 0], [unix, 1, 0, BAD, 0, 0]),
        (
            "socketpair inet, high",
            libc::SYS_socketpair,
            [HIGH | 2, 1, 0, BAD, 0, 0],
            [HIGH | unix, 1, 0, BAD, 0, 0],
        ),
        ("socketpair dgram", libc::SYS_socketpair, [unix, 2, 0, BAD, 0, 0], [unix, 5, 0, BAD, 0, 0]),
        (
            "socketpair dgram cloexec",
            libc::SYS_socketpair,
            [unix, 0x80002, 0, BAD, 0, 0],
            [unix, 0x80001, 0, BAD, 0, 0],
        ),
        ("socketpair raw", libc::SYS_socketpair, [unix, 3, 0, BAD, 0, 0], [unix, 1, 0, BAD, 0, 0]),
        ("sendto address", libc::SYS_sendto, [BAD, 0, 0, 0, 16, 16], [BAD, 0, 0, 0, 0, 0]),
        ("sendto address, high", libc::SYS_sendto, [BAD, 0, 0, 0, HIGH, 16], [BAD, 0, 0, 0, 0, 0]),
        ("TIOCSTI", libc::SYS_ioctl, [BAD, libc::TIOCSTI, 0, 0, 0, 0], [BAD, libc::TCGETS, 0, 0, 0, 0]),
        (
            "TIOCSTI, high",
            libc::SYS_ioctl,
            [BAD, HIGH | libc::TIOCSTI, 0, 0, 0, 0],
            [BAD, HIGH | 1, 0, 0, 0, 0],
        ),
        ("TIOCLINUX, high", libc::SYS_ioctl, [BAD, HIGH | libc::TIOCLINUX, 0, 0, 0, 0], [BAD, 1, 0, 0, 0, 0]),
        ("lease", libc::SYS_fcntl, [BAD, libc::F_SETLEASE as u64, 0, 0, 0, 0], [BAD, 1, 0, 0, 0, 0]),
        (
            "dnotify, high",
            libc::SYS_fcntl,
            [BAD, HIGH | libc::F_NOTIFY as u64, 0, 0, 0, 0],
            [BAD, 1, 0, 0, 0, 0],
        ),
        ("keyctl", libc::SYS_keyctl, [0, BAD, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0]),
        ("keyctl, high", libc::SYS_keyctl, [HIGH | 5, BAD, 0, 0, 0, 0], [HIGH | 1, 1, 0, 0, 0, 0]),
        ("seccomp flags", libc::SYS_seccomp, [1, 8, BAD, 0, 0, 0], [1, 0, BAD, 0, 0, 0]),
        ("dumpable", libc::SYS_prctl, [HIGH | libc::PR_SET_DUMPABLE as u64, 1, 0, 0, 0, 0], BAD_PDEATHSIG),
        ("dumpable, high", libc::SYS_prctl, [libc::PR_SET_DUMPABLE as u64, HIGH, 0, 0, 0, 0], BAD_PDEATHSIG),
        ("prctl mm", libc::SYS_prctl, [libc::PR_SET_MM as u64, BAD, 0, 0, 0, 0], BAD_PDEATHSIG),
        ("securebits", libc::SYS_prctl, [libc::PR_SET_SECUREBITS as u64, BAD, 0, 0, 0, 0], BAD_PDEATHSIG),
    ];
    content(|| {
        enclose(Wall::Base)?;
        for (what, number, denied, passed) in table {
            expect(what, raw(number, denied), Err(Errno::EPERM))?;
            match raw(number, passed) {
                Err(Errno::EPERM | Errno::ENOSYS) | Ok(_) => {
                    return Err(format!("{what}: the permitted form did not reach the kernel").into());
                }
                Err(_) => {}
            }
        }
        expect("personality query", raw(libc::SYS_personality, [0xffff_ffff, 0, 0, 0, 0, 0]), Ok(0))?;
        expect("personality", raw(libc::SYS_personality, [8, 0, 0, 0, 0, 0]), Err(Errno::EPERM))
    })
}

/// `CLONE_SIGHAND` without `CLONE_VM`: the kernel answers `EINVAL` and makes nothing.
const BAD_CLONE: Arguments = [libc::CLONE_SIGHAND as u64, 0, 0, 0, 0, 0];
const BAD_PDEATHSIG: Arguments = [libc::PR_SET_PDEATHSIG as u64, 4096, 0, 0, 0, 0];

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

fn threads_and_subprocesses() -> Result<(), Failed> {
    content(|| {
        enclose(Wall::BaseAndDelta)?;
        let sum: u32 = std::thread::spawn(|| (1..=4).sum()).join().map_err(|_| "the thread panicked")?;
        let status = Command::new("/bin/true").status()?;
        let (_one, _other) = UnixStream::pair()?;
        // SAFETY: no memory is passed.
        Errno::result(unsafe { libc::epoll_create1(0) })?;
        if sum == 10 && status.success() { Ok(()) } else { Err(format!("{sum} {status}").into()) }
    })
}

const PYTHON: &str = r#"
import asyncio, concurrent.futures, mmap, multiprocessing, os, random, signal, socket, sqlite3, subprocess
import sys, tempfile, threading, time, uuid
thread = threading.Thread(target=time.sleep, args=(0,)); thread.start(); thread.join()
with concurrent.futures.ThreadPoolExecutor(2) as pool: assert list(pool.map(abs, [-1, -2])) == [1, 2]
assert subprocess.run(["/bin/sh", "-c", "echo a | cat; exit 3"], stdout=subprocess.PIPE).returncode == 3
assert subprocess.run(["/bin/true"], start_new_session=True, preexec_fn=lambda: None).returncode == 0
async def main():
    process = await asyncio.create_subprocess_exec("/bin/echo", "x", stdout=subprocess.PIPE)
    assert (await process.communicate())[0] == b"x\n"
    await asyncio.to_thread(time.sleep, 0)
asyncio.run(main())
def square(queue): queue.put(os.getpid())
def pipe(end): end.send(1)
for method in ("fork", "spawn"):
    context = multiprocessing.get_context(method)
    if method == "fork":
        queue = context.Queue(); process = context.Process(target=square, args=(queue,)); process.start()
        assert queue.get() == process.pid; process.join(); assert process.exitcode == 0
        near, far = context.Pipe(); process = context.Process(target=pipe, args=(far,)); process.start()
        assert near.recv() == 1; process.join()
        lock = context.Lock()
        with lock: pass
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "x.db")
    base = sqlite3.connect(path); base.execute("pragma journal_mode=wal")
    base.execute("create table t(a)"); base.execute("insert into t values (1)"); base.commit(); base.close()
    os.mkfifo(os.path.join(folder, "fifo"))
    with open(path, "r+b") as file: mmap.mmap(file.fileno(), 0)[:4]
assert isinstance(os.memfd_create("x"), int)
a, b = socket.socketpair(); a.send(b"x"); assert b.recv(1) == b"x"
try: socket.socket(); sys.exit("a socket was made")
except PermissionError: pass
signal.setitimer(signal.ITIMER_REAL, 100); signal.setitimer(signal.ITIMER_REAL, 0)
uuid.uuid4(); random.random()
"#;

fn python() -> Result<(), Failed> {
    if Command::new("python3").arg("--version").output().is_err() {
        return skip("there is no python3");
    }
    script("python3", &["-c", PYTHON])
}

const NUMPY: &str = r#"
import numpy, pandas
assert numpy.linalg.norm(numpy.ones((64, 64)) @ numpy.ones((64, 64))) > 0
assert pandas.DataFrame({"a": [1, 2]}).groupby("a").size().sum() == 2
"#;

fn numpy_and_pandas() -> Result<(), Failed> {
    let python = std::env::var("ZEROBOOT_TEST_VENV")
        .map_or("python3".to_owned(), |venv| format!("{venv}/bin/python3"));
    match Command::new(&python).args(["-c", "import numpy, pandas"]).output() {
        Ok(output) if output.status.success() => script(&python, &["-c", NUMPY]),
        _ => skip("there is no python3 with numpy and pandas"),
    }
}

fn shell() -> Result<(), Failed> {
    script(
        "/bin/bash",
        &[
            "-c",
            "set -e; set -o pipefail; d=$(mktemp -d); cd $d; seq 9 | sort -r > a; cp -a a b; mv b c; ls -la >/dev/null; \
           stat c >/dev/null; tar cf t.tar a; grep -q 9 c; sleep 0 & wait; cd /; rm -r $d",
        ],
    )
}

/// Runs a program below both filters; what it says is the complaint.
fn script(program: &str, arguments: &[&str]) -> Result<(), Failed> {
    content(|| {
        enclose(Wall::BaseAndDelta)?;
        let output = Command::new(program).args(arguments).output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)).into())
    })
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
            let filters = Filters::compile(Network::None)?;
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
