//! Samples of a subject: a process whose faults, memory and CPU time are known.
//!
//! The subject is this same program, started again with a role in its environment; it is single-threaded, does one
//! thing for each line on its standard input, and answers with a line.

use std::env;
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::num::NonZeroUsize;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap_anonymous};
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{Pid, Uid, getppid};
use zeroboot_telemetry::{Kib, Memory, Sample, SampleError, State, sample};

const ROLE: &str = "TELEMETRY_TEST_ROLE";
const NOBODY: u32 = 65_534;
const PAGES: usize = 1_000;
const AREA: usize = 64 << 20;

fn main() -> ExitCode {
    match env::var(ROLE).as_deref() {
        Ok("subject") => exit_code(subject()),
        Ok("stranger") => exit_code(stranger()),
        _ => {
            let mut arguments = Arguments::from_args();
            arguments.test_threads = Some(1);
            libtest_mimic::run(&arguments, trials()).exit_code()
        }
    }
}

fn trials() -> Vec<Trial> {
    vec![
        Trial::test("writing_pages_makes_them_private", writing_pages_makes_them_private),
        Trial::test("counters_agree_with_getrusage", counters_agree_with_getrusage),
        Trial::test("a_zombie_keeps_its_final_counters", a_zombie_keeps_its_final_counters),
        Trial::test("cpu_time_is_counted_where_it_is_spent", cpu_time_is_counted_where_it_is_spent),
        Trial::test("a_stopped_process_can_be_sampled", a_stopped_process_can_be_sampled),
        Trial::test("a_reaped_process_is_gone", a_reaped_process_is_gone),
        Trial::test("an_ordinary_user_sees_its_own_and_no_other", an_ordinary_user_sees_its_own_and_no_other),
    ]
}

fn writing_pages_makes_them_private() -> Result<(), Failed> {
    let mut subject = Subject::start()?;
    let before = subject.sample()?;
    subject.ask(&format!("write {PAGES}"))?;
    let after = subject.sample()?;

    let faults = after.faults.since(before.faults);
    check("minor faults", faults.minor, PAGES as u64)?;
    let (before, after) = (memory_of(&before)?, memory_of(&after)?);
    let written = Kib::from_bytes((PAGES * page_size()) as u64);
    check("resident", after.resident_kib.since(before.resident_kib), written)?;
    // File pages move between private and shared as other processes map the same files, and those of a program that
    // was written lately count as dirty: only the sum is exact.
    let near = |found: Kib, expected: Kib| found.0.abs_diff(expected.0) <= written.0 / 16;
    ensure("private dirty grew", near(after.private_dirty_kib, before.private_dirty_kib + written))?;
    ensure("private holds private dirty", after.private_kib >= after.private_dirty_kib)?;
    check("resident is private and shared", after.private_kib + after.shared_kib, after.resident_kib)?;
    ensure("page tables grew", after.page_tables_kib > before.page_tables_kib)?;
    // The kernel may be behind with the peak by what each CPU has not yet added to the sum.
    let most = Kib(written.0 / 2);
    ensure("the peak has seen the pages", after.peak_kib.since(before.resident_kib) >= most)?;

    subject.ask("release")?;
    let released = memory_of(&subject.sample()?)?;
    check("resident after release", released.resident_kib, before.resident_kib)?;
    ensure("private dirty shrank", near(released.private_dirty_kib, before.private_dirty_kib))?;
    ensure("the peak stays", released.peak_kib.since(released.resident_kib) >= most)
}

fn counters_agree_with_getrusage() -> Result<(), Failed> {
    let mut subject = Subject::start()?;
    subject.ask(&format!("write {PAGES}"))?;
    let words = subject.ask("usage")?;
    let own: Vec<u64> = words.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let outside = subject.sample()?;
    check("minor faults", outside.faults.minor, own[0])?;
    check("major faults", outside.faults.major, own[1])
}

fn a_zombie_keeps_its_final_counters() -> Result<(), Failed> {
    let mut subject = Subject::start()?;
    subject.ask(&format!("write {PAGES}"))?;
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

fn cpu_time_is_counted_where_it_is_spent() -> Result<(), Failed> {
    let mut subject = Subject::start()?;
    let before = subject.sample()?.cpu;
    subject.ask("spin 200")?;
    let after = subject.sample()?.cpu;
    let used = (after.user + after.system).saturating_sub(before.user + before.system);
    ensure("200 ms were spent", used >= Duration::from_millis(170) && used <= Duration::from_millis(300))
}

fn a_stopped_process_can_be_sampled() -> Result<(), Failed> {
    let mut subject = Subject::start()?;
    subject.ask("stop")?;
    waitid(Id::Pid(subject.pid()), WaitPidFlag::WSTOPPED | WaitPidFlag::WNOWAIT)?;
    let stopped = subject.sample()?;
    check("state", stopped.state, State::Stopped)?;
    ensure("it still has its memory", memory_of(&stopped)?.resident_kib > Kib(0))
}

fn a_reaped_process_is_gone() -> Result<(), Failed> {
    let mut subject = Subject::start()?;
    subject.end()?;
    subject.process.wait()?;
    match sample(subject.pid()) {
        Err(SampleError::Gone { pid }) => check("pid", pid, subject.pid()),
        other => Err(format!("expected Gone, got {other:?}").into()),
    }
}

/// As root the question is put by a process of another user; otherwise this process is that user already.
fn an_ordinary_user_sees_its_own_and_no_other() -> Result<(), Failed> {
    if !Uid::effective().is_root() {
        return ordinary_user(Pid::from_raw(1)).map_err(|error| error.to_string().into());
    }
    let output = Command::new("/proc/self/exe").env(ROLE, "stranger").uid(NOBODY).gid(NOBODY).output()?;
    ensure(&String::from_utf8_lossy(&output.stderr), output.status.success())
}

/// Samples a process of its own user, and one of root.
fn ordinary_user(of_root: Pid) -> Result<(), Box<dyn Error>> {
    let mut own = Subject::start().map_err(|failed| format!("{failed:?}"))?;
    own.ask(&format!("write {PAGES}")).map_err(|failed| format!("{failed:?}"))?;
    let memory = sample(own.pid())?.memory.ok_or("no memory in a living process")?;
    if memory.private_dirty_kib < Kib::from_bytes((PAGES * page_size()) as u64) {
        return Err(format!("{} is too little", memory.private_dirty_kib).into());
    }
    match sample(of_root) {
        Err(error @ SampleError::Permission { .. }) if error.remedy().is_some() => Ok(()),
        other => Err(format!("expected Permission, got {other:?}").into()),
    }
}

fn stranger() -> Result<(), Box<dyn Error>> {
    ordinary_user(getppid())
}

/// The measured process: obeys one line after the other, and answers each with its own count of its faults.
fn subject() -> Result<(), Box<dyn Error>> {
    let page = page_size();
    let length = NonZeroUsize::new(AREA).ok_or("empty area")?;
    // SAFETY: a new anonymous mapping, placed by the kernel; nothing else refers to it.
    let area = unsafe {
        mmap_anonymous(None, length, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_PRIVATE)
    }?;
    // SAFETY: the whole of the mapping above; the advice only forbids huge pages, which would spoil the count.
    unsafe { madvise(area, AREA, MmapAdvise::MADV_NOHUGEPAGE) }?;

    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut line = String::with_capacity(64);
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let (verb, number) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), "0"));
        let number: usize = number.parse()?;
        match verb {
            "write" => {
                for index in 0..number.min(AREA / page) {
                    // SAFETY: the index is below the area's number of pages, and nothing else uses the area.
                    unsafe { area.cast::<u8>().add(index * page).write_volatile(1) };
                }
            }
            // SAFETY: the whole of the mapping, of which no reference exists; it reads as zero afterwards.
            "release" => unsafe { madvise(area, AREA, MmapAdvise::MADV_DONTNEED) }?,
            "spin" => {
                // What the start of this program took is spent already.
                let begin = cpu_time(&getrusage(UsageWho::RUSAGE_SELF)?)?;
                let goal = begin + Duration::from_millis(u64::try_from(number)?);
                while cpu_time(&getrusage(UsageWho::RUSAGE_SELF)?)? < goal {}
            }
            "stop" | "usage" => {}
            other => return Err(format!("unknown verb {other}").into()),
        }
        let usage = getrusage(UsageWho::RUSAGE_SELF)?;
        writeln!(output, "{} {}", usage.minor_page_faults(), usage.major_page_faults())?;
        output.flush()?;
        if verb == "stop" {
            raise(Signal::SIGSTOP)?;
        }
    }
}

fn cpu_time(usage: &Usage) -> Result<Duration, std::num::TryFromIntError> {
    let (user, system) = (usage.user_time(), usage.system_time());
    let micros = (user.tv_sec() + system.tv_sec()) * 1_000_000 + user.tv_usec() + system.tv_usec();
    Ok(Duration::from_micros(u64::try_from(micros)?))
}

/// A subject that has done each of its motions once, so that later ones cost nothing but what is asked for.
struct Subject {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Subject {
    fn start() -> Result<Self, Failed> {
        let mut process = Command::new("/proc/self/exe")
            .env(ROLE, "subject")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (input, output) = (process.stdin.take(), process.stdout.take().ok_or("no standard output")?);
        let mut subject = Self { process, input, output: BufReader::new(output) };
        for motion in ["usage", "write 1", "release", "usage"] {
            subject.ask(motion)?;
        }
        Ok(subject)
    }

    fn ask(&mut self, words: &str) -> Result<String, Failed> {
        writeln!(self.input.as_mut().ok_or("the subject was told to end")?, "{words}")?;
        let mut answer = String::new();
        self.output.read_line(&mut answer)?;
        ensure("the subject answers", !answer.is_empty())?;
        Ok(answer.trim_end().to_owned())
    }

    /// Lets the subject end and leaves it unreaped.
    fn end(&mut self) -> Result<(), Failed> {
        self.input = None;
        waitid(Id::Pid(self.pid()), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)?;
        Ok(())
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.process.id()).expect("a pid is positive"))
    }

    fn sample(&self) -> Result<Sample, Failed> {
        Ok(sample(self.pid())?)
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // Both fail only when it is gone already, which is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn memory_of(sample: &Sample) -> Result<Memory, Failed> {
    sample.memory.ok_or_else(|| "no memory in a living process".into())
}

fn page_size() -> usize {
    usize::try_from(procfs::page_size()).expect("a page fits in memory")
}

fn check<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), Failed> {
    ensure(&format!("{what}: found {found:?}, expected {expected:?}"), found == expected)
}

fn ensure(what: &str, holds: bool) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(what.into()) }
}

fn exit_code(result: Result<(), Box<dyn Error>>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    // Nothing is lost when this fails: the exit code says it as well.
    let _ = writeln!(std::io::stderr(), "{error}");
    ExitCode::FAILURE
}
