//! What the kernel counts by itself, and whom it tells.

use std::error::Error;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::Failed;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{Pid, Uid, getppid};
use zeroboot_telemetry::{Kib, Memory, SampleError, Sampler, State};

use crate::subject::{ROLE, Subject, cpu_time, page_size};
use crate::{check, ensure, memory_of, skip};

const NOBODY: u32 = 65_534;
const PAGES: usize = 1_000;

pub(crate) fn writing_pages_makes_them_private() -> Result<(), Failed> {
    let mut subject = Subject::start()?;
    let before = subject.sample()?;
    subject.ask(&format!("write fresh 0 {PAGES}"))?;
    let after = subject.sample()?;

    let faults = after.faults.since(before.faults);
    check("minor faults", faults.minor, PAGES as u64)?;
    let (before, after) = (memory_of(&before)?, memory_of(&after)?);
    let written = Kib::from_bytes((PAGES * page_size()) as u64);
    // Before Linux 6.16 this is a sum of counters, and may be behind by what a CPU or a thread has not yet added.
    let near = |found: Kib, expected: Kib| found.0.abs_diff(expected.0) <= written.0 / 8;
    ensure("resident", near(after.resident_kib, before.resident_kib + written))?;
    let parts = |memory: &Memory| memory.private_kib.zip(memory.shared_kib).ok_or("no parts");
    let ((private, shared), (private_before, shared_before)) = (parts(&after)?, parts(&before)?);
    check("private", private, private_before + written)?;
    ensure("shared", near(shared, shared_before))?;
    ensure("page tables grew", after.page_tables_kib > before.page_tables_kib)?;
    // The kernel may be behind with the peak by what each CPU has not yet added to the sum.
    let most = Kib(written.0 / 2);
    ensure("the peak has seen the pages", after.peak_kib.since(before.resident_kib) >= most)?;

    subject.ask(&format!("drop fresh 0 {PAGES}"))?;
    let released = memory_of(&subject.sample()?)?;
    ensure("resident after release", near(released.resident_kib, before.resident_kib))?;
    check("private after release", released.private_kib, before.private_kib)?;
    ensure("the peak stays", released.peak_kib.since(released.resident_kib) >= most)
}

/// The kernel's own sums, of a process that shares anonymous pages with nobody.
pub(crate) fn memory_agrees_with_smaps_rollup() -> Result<(), Failed> {
    let mut subject = Subject::start()?;
    for (pages, words) in [(0, "usage"), (5_000, "write fresh 0 5000")] {
        subject.ask(words)?;
        let found = memory_of(&subject.sample()?)?.private_kib.ok_or("no private memory")?;
        let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", subject.pid))?;
        let line = |key: &str| -> Result<u64, Failed> {
            let line = text.lines().find_map(|line| line.strip_prefix(key)).ok_or("no such line")?;
            Ok(line.trim().trim_end_matches(" kB").parse()?)
        };
        // Shared anonymous memory is told there as anonymous or not, by kernel; the subject's is a file's for us.
        let (anonymous, private) = (line("Anonymous:")?, line("Private_Dirty:")?);
        let expected = anonymous.min(private);
        ensure("so much was written", found.0 >= pages * page_size() as u64 / 1024)?;
        let words = format!("{found} private, {anonymous} KiB anonymous, {private} KiB private and written");
        ensure(&words, found.0.abs_diff(expected) * 100 <= expected)?;
    }
    Ok(())
}

pub(crate) fn counters_agree_with_getrusage() -> Result<(), Failed> {
    let mut subject = Subject::start()?;
    subject.ask(&format!("write fresh 0 {PAGES}"))?;
    let [_, minor, major] = subject.ask("usage")?;
    let outside = subject.sample()?;
    check("minor faults", outside.faults.minor, minor)?;
    check("major faults", outside.faults.major, major)?;
    let alone = Sampler::new().counters(subject.pid)?;
    check("the counters alone", (alone.state, alone.faults), (outside.state, outside.faults))
}

pub(crate) fn a_zombie_keeps_its_final_counters() -> Result<(), Failed> {
    let mut subject = Subject::start()?;
    subject.ask(&format!("write fresh 0 {PAGES}"))?;
    subject.ask("spin 50")?;
    let alive = subject.sample()?;
    subject.end()?;

    let zombie = subject.sample()?;
    check("state", zombie.state, State::Zombie)?;
    check("memory", zombie.memory, None)?;
    ensure("no fault is lost", zombie.faults.minor >= alive.faults.minor)?;
    ensure("no CPU time is lost", zombie.cpu.user + zombie.cpu.system >= Duration::from_millis(30))?;

    // What the kernel tells the one who reaps is the measure of all things.
    let before = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    subject.process.wait()?;
    let after = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let minor = u64::try_from(after.minor_page_faults() - before.minor_page_faults())?;
    check("minor faults", zombie.faults.minor, minor)?;
    let spent = cpu_time(&after)?.saturating_sub(cpu_time(&before)?);
    let seen = zombie.cpu.user + zombie.cpu.system;
    ensure("CPU time within two ticks", spent.abs_diff(seen) <= Duration::from_millis(20))
}

pub(crate) fn cpu_time_is_counted_where_it_is_spent() -> Result<(), Failed> {
    let mut subject = Subject::start()?;
    let before = subject.sample()?.cpu;
    subject.ask("spin 200")?;
    let after = subject.sample()?.cpu;
    let used = (after.user + after.system).saturating_sub(before.user + before.system);
    ensure("200 ms were spent", used >= Duration::from_millis(170) && used <= Duration::from_millis(300))
}

pub(crate) fn a_stopped_process_can_be_sampled() -> Result<(), Failed> {
    let mut subject = Subject::start()?;
    subject.ask("stop")?;
    waitid(Id::Pid(subject.pid), WaitPidFlag::WSTOPPED | WaitPidFlag::WNOWAIT)?;
    let stopped = subject.sample()?;
    check("state", stopped.state, State::Stopped)?;
    ensure("it still has its memory", memory_of(&stopped)?.resident_kib > Kib(0))
}

pub(crate) fn a_reaped_process_is_gone() -> Result<(), Failed> {
    let mut subject = Subject::start()?;
    subject.end()?;
    subject.process.wait()?;
    match Sampler::new().sample(subject.pid) {
        Err(SampleError::Gone { pid }) => check("pid", pid, subject.pid),
        other => Err(format!("expected Gone, got {other:?}").into()),
    }
}

/// As root the question is put by a process of another user; otherwise this process is that user already.
pub(crate) fn an_ordinary_user_sees_its_own_and_no_other() -> Result<(), Failed> {
    if !Uid::effective().is_root() {
        return ordinary_user(Pid::from_raw(1)).map_err(|error| error.to_string().into());
    }
    let output = Command::new("/proc/self/exe").env(ROLE, "stranger").uid(NOBODY).gid(NOBODY).output()?;
    ensure(&String::from_utf8_lossy(&output.stderr), output.status.success())
}

/// Samples a process of its own user, and one of root.
fn ordinary_user(of_root: Pid) -> Result<(), Box<dyn Error>> {
    let mut own = Subject::start().map_err(|failed| format!("{failed:?}"))?;
    own.ask(&format!("write fresh 0 {PAGES}")).map_err(|failed| format!("{failed:?}"))?;
    let memory = Sampler::new().sample(own.pid)?.memory.ok_or("no memory in a living process")?;
    if memory.private_kib < Some(Kib::from_bytes((PAGES * page_size()) as u64)) {
        return Err(format!("{:?} is too little", memory.private_kib).into());
    }
    match Sampler::new().sample(of_root) {
        Err(error @ SampleError::Permission { .. }) if error.remedy().is_some() => {}
        other => return Err(format!("expected Permission, got {other:?}").into()),
    }
    hidden().map_err(|failed| format!("{failed:?}").into())
}

/// The pages of a process that is not dumpable are not for the owner of its user namespace; their sums are.
fn hidden() -> Result<(), Failed> {
    let Some(mut subject) = Subject::start_in_namespace()? else {
        return skip("an ordinary user may not make user namespaces here");
    };
    let baseline = Arc::new(Sampler::new().baseline(subject.pid)?);
    subject.ask("hide")?;
    let mut sampler = Sampler::new().against(baseline);
    let before = memory_of(&sampler.sample(subject.pid)?)?;
    subject.ask(&format!("write fresh 0 {PAGES}"))?;
    let after = memory_of(&sampler.sample(subject.pid)?)?;
    let written = Kib::from_bytes((PAGES * page_size()) as u64);
    // What others map of the same files changes this sum as well.
    let private = |memory: &Memory| memory.private_kib.ok_or("no sum");
    let grown = private(&after)?.since(private(&before)?);
    ensure("private grew", grown.0.abs_diff(written.0) <= written.0 / 16)?;
    check("parts", (after.copied_kib, after.zeroed_kib), (None, None))?;
    match Sampler::new().baseline(subject.pid) {
        Err(SampleError::Permission { .. }) => Ok(()),
        other => Err(format!("expected Permission, got {other:?}").into()),
    }
}

pub(crate) fn stranger() -> Result<(), Box<dyn Error>> {
    ordinary_user(getppid())
}
