//! What a sandbox costs in memory and time, as its host counts it.

mod common;

use std::process::ExitCode;
use std::time::Duration;

use common::{WarmFile, run, skip};
use libtest_mimic::{Failed, Trial};
use nix::unistd::Uid;
use zeroboot::{Account, Kib, Status, Template};

/// What two runs of the same interpreter may differ by, apart from what they do.
const NEAR: u64 = 512;

/// Writes 2,000 KiB: one byte in each page of 4 KiB.
const WRITE: &str = "import warm\nfor at in range(0, 500 * 4096, 4096): warm.area[at] = 1\n";

fn main() -> ExitCode {
    run(vec![
        Trial::test("fresh_memory_is_zeroed", fresh_memory_is_zeroed),
        Trial::test("what_the_template_had_is_copied_where_it_is_written", || copied(4)),
        Trial::test("what_a_large_template_had_is_copied_where_it_is_written", || copied(40)),
        Trial::test("an_ended_sandbox_has_a_peak_only", an_ended_sandbox_has_a_peak_only),
        Trial::test("a_liar_changes_nothing", a_liar_changes_nothing),
        Trial::test("the_cpu_time_of_an_orphan_is_counted", || works_in_a_process(ORPHAN)),
        Trial::test("the_cpu_time_of_an_orphan_that_outlives_the_script_is_counted", || {
            works_in_a_process(LASTING_ORPHAN)
        }),
        Trial::test("cpu_time_that_the_kernel_does_not_account_is_counted_in_a_cgroup", unaccounted_children),
        Trial::test("a_run_ends_with_its_process_and_not_with_its_word", an_early_word),
    ])
}

/// As an ordinary user, a host sees sums only.
fn sees_pages() -> bool {
    Uid::effective().is_root()
}

/// Runs it to a good end; gives its copied and its zeroed memory, or all that is private and nothing, in KiB.
fn parts(template: &Template, code: &str) -> Result<(u64, u64, Account), Failed> {
    let outcome = template.run(code)?;
    if !outcome.status.success() {
        return Err(format!("{}: {}", outcome.status, outcome.stderr_lossy()).into());
    }
    let account = outcome.account;
    let memory = account.memory.ok_or("no memory")?;
    let private = memory.private_kib.ok_or("no private memory")?;
    let from: Kib = account.copied_from.iter().map(|part| part.amount).sum();
    match (memory.copied_kib, memory.zeroed_kib) {
        (Some(copied), Some(zeroed)) if sees_pages() => {
            let adds_up = copied == from && copied + zeroed == private && account.peak >= Some(private);
            expect(&account, adds_up)?;
            Ok((copied.0, zeroed.0, account))
        }
        (None, None) if !sees_pages() => Ok((private.0, 0, account)),
        _ => Err(format!("{account:?}").into()),
    }
}

fn expect(account: &Account, holds: bool) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(format!("{account:?}").into()) }
}

fn grown(before: u64, after: u64, by: u64) -> bool {
    after.abs_diff(before + by) <= NEAR
}

fn template(code: &str) -> Result<Template, Failed> {
    let file = WarmFile::new("account", code)?;
    Ok(Template::python().warm_file(&file.0).build()?)
}

fn fresh_memory_is_zeroed() -> Result<(), Failed> {
    let template = template("")?;
    let (copied, zeroed, _) = parts(&template, "pass")?;
    let code = "area = bytearray(8 << 20)\nfor at in range(0, 8 << 20, 4096): area[at] = 1\n";
    let (more_copied, more_zeroed, account) = parts(&template, code)?;
    let all = grown(copied + zeroed, more_copied + more_zeroed, 8 << 10);
    expect(&account, all && (!sees_pages() || grown(zeroed, more_zeroed, 8 << 10)))
}

/// With so many MiB in the template, which are frozen; they keep their name.
fn copied(mebibytes: usize) -> Result<(), Failed> {
    let template = template(&format!("area = bytearray(b'x' * ({mebibytes} << 20))"))?;
    let (before, _, _) = parts(&template, "import warm\nwarm.area[0]\n")?;
    let (read, _, account) = parts(&template, "import warm\nsum(warm.area[::4096])\n")?;
    // In a sum, what a sandbox alone maps of the frozen file is private too.
    expect(&account, grown(before, read, 0) || !sees_pages())?;
    let (written, _, account) = parts(&template, WRITE)?;
    expect(&account, grown(before, written, 2000))?;
    if !sees_pages() {
        return expect(&account, account.copied_from.is_empty());
    }
    let largest = account.copied_from.first().ok_or("nothing is copied")?;
    let named = largest.mapping == "[anon]" && template.frozen().is_some();
    expect(&account, named && largest.amount.0 >= 2000)
}

fn an_ended_sandbox_has_a_peak_only() -> Result<(), Failed> {
    let template = template("")?;
    let outcome = template.run("import os\narea = b'x' * (8 << 20)\nos.kill(os.getpid(), 9)\n")?;
    let account = &outcome.account;
    let peak = account.peak.is_some_and(|peak| peak >= Kib(8 << 10));
    let no_more = account.memory.is_none() && account.copied_from.is_empty();
    expect(account, outcome.status == Status::Signaled(9) && peak && no_more)
}

/// It calls itself what a figure would look like, and maps a file of such a name.
fn a_liar_changes_nothing() -> Result<(), Failed> {
    let template = template("")?;
    let work = "area = bytearray(8 << 20)\nfor at in range(0, 8 << 20, 4096): area[at] = 1\n";
    let lies = "import ctypes, mmap\n\
        ctypes.CDLL(None).prctl(15, b') Z 1 1 1 1 1')\n\
        name = '/tmp/VmHWM: 1 kB\\n1000-2000 rw-p 00000000 00:00 0 [heap]'\n\
        file = open(name, 'w+b', 0)\n\
        file.write(bytes(4096))\n\
        lie = mmap.mmap(file.fileno(), 4096, mmap.MAP_PRIVATE)\n\
        lie[0] = 1\n";
    let (copied, zeroed, _) = parts(&template, &format!("import ctypes, mmap\n{work}"))?;
    let (lied_copied, lied_zeroed, account) = parts(&template, &format!("{lies}{work}"))?;
    let same = grown(copied, lied_copied, 0) && grown(zeroed, lied_zeroed, 0);
    let names = account.copied_from.iter().all(|part| !part.mapping.contains("Vm"));
    expect(&account, same && names && account.peak >= Some(Kib(8 << 10)))
}

/// Works for 300 ms of its own CPU time, and then says so to `far`.
const WORK: &str = "
import os, signal, time
near, far = os.pipe()
def work():
    end = time.process_time() + 0.3
    while time.process_time() < end: pass
    os.write(far, b'x')
";

/// Less than [`WORK`] takes: two clocks are read, one after the other.
const WORKED: Duration = Duration::from_millis(250);

const ORPHAN: &str = "
if os.fork() == 0:
    if os.fork() == 0: work()
    os._exit(0)
os.wait()
os.read(near, 1)
";

/// It is killed with its sandbox, and ends by nobody's will.
const LASTING_ORPHAN: &str = "
if os.fork() == 0:
    if os.fork() == 0:
        work()
        signal.pause()
    os._exit(0)
os.wait()
os.read(near, 1)
";

/// The kernel reaps these by itself, and adds their time to nobody's.
const UNACCOUNTED: &str = "
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
if os.fork() == 0:
    work()
    os._exit(0)
os.read(near, 1)
";

fn works_in_a_process(code: &str) -> Result<(), Failed> {
    let outcome = template("")?.run(&format!("{WORK}{code}"))?;
    counted(outcome.status, &outcome.account)
}

fn counted(status: Status, account: &Account) -> Result<(), Failed> {
    let cpu = account.cpu.ok_or("its end was not seen")?;
    expect(account, status == Status::Exited(0) && cpu.user + cpu.system >= WORKED)
}

fn unaccounted_children() -> Result<(), Failed> {
    let outcome = template("")?.run(&format!("{WORK}{UNACCOUNTED}"))?;
    if outcome.seal.as_ref().is_none_or(|seal| seal.cgroup.is_none()) {
        return skip("there is no cgroup that would count it");
    }
    counted(outcome.status, &outcome.account)
}

/// What it does after that costs its caller as much, and takes as long.
fn an_early_word() -> Result<(), Failed> {
    let outcome = template("")?.run(&format!("{WORK}os.write(3, b'D')\nwork()\nprint('late')"))?;
    if outcome.stdout != b"late\n" {
        return Err(format!("{outcome:?}").into());
    }
    expect(&outcome.account, outcome.account.times.run >= WORKED)?;
    counted(outcome.status, &outcome.account)
}
