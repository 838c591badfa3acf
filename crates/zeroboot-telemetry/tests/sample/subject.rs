//! The measured process: this same program, started again with a role in its environment. It is single-threaded, does
//! one thing for each line on its standard input, and answers each with its own count of its faults.

use std::error::Error;
use std::ffi::CStr;
use std::io::{BufRead, BufReader, Write, pipe, read_to_string};
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::ptr::NonNull;
use std::time::Duration;

use libtest_mimic::Failed;
use nix::libc::c_void;
use nix::sched::{CloneFlags, unshare};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap, mmap_anonymous};
use nix::sys::prctl;
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use nix::unistd::{ForkResult, Pid, SysconfVar, fork, sysconf};
use zeroboot_telemetry::{Sample, Sampler};

pub(crate) const ROLE: &str = "TELEMETRY_TEST_ROLE";

/// The size of each area.
pub(crate) const AREA: usize = 64 << 20;

/// How many of the first pages of an area the subject has written before it listens, where it has written any.
pub(crate) const WRITTEN: usize = 2_000;

/// What it calls its threads and its memory, to be taken for something else.
const FORGED: &CStr = c") Z 9 9 9 9 9\nV";

/// Memory of one kind.
#[derive(Clone, Copy)]
struct Area(NonNull<c_void>);

impl Area {
    fn anonymous(flags: MapFlags, advice: MmapAdvise) -> Result<Self, Box<dyn Error>> {
        let both = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let length = NonZeroUsize::new(AREA).ok_or("empty area")?;
        // SAFETY: a new mapping, placed by the kernel; nothing else refers to it.
        let area = unsafe { mmap_anonymous(None, length, both, flags) }?;
        // SAFETY: the whole of the mapping above; the advice only says how large its pages are.
        unsafe { madvise(area, AREA, advice) }?;
        Ok(Self(area))
    }

    /// Private, of a file in memory that is full of ones: as frozen memory is.
    fn of_file(name: &CStr) -> Result<Self, Box<dyn Error>> {
        let file = std::fs::File::from(memfd_create(name, MFdFlags::MFD_CLOEXEC)?);
        let mut ones = &file;
        for _ in 0..WRITTEN {
            ones.write_all(&vec![1; page_size()])?;
        }
        file.set_len(AREA as u64)?;
        let both = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let length = NonZeroUsize::new(AREA).ok_or("empty area")?;
        // SAFETY: a new private mapping, placed by the kernel, of a file that nobody else has.
        Ok(Self(unsafe { mmap(None, length, both, MapFlags::MAP_PRIVATE, OwnedFd::from(file), 0) }?))
    }

    fn page(self, index: usize) -> NonNull<u8> {
        let offset = (index * page_size()).min(AREA - 1);
        // SAFETY: needed to get at memory that is no object of the language; the offset lies in the mapping.
        unsafe { self.0.cast::<u8>().add(offset) }
    }

    fn write(self, from: usize, count: usize) {
        // SAFETY: a byte of a mapping that stays, that may be written, and of which there is no reference.
        (from..from + count).for_each(|index| unsafe { self.page(index).write_volatile(2) });
    }

    fn read(self, from: usize, count: usize) {
        // SAFETY: a byte of a mapping that stays, and of which there is no reference.
        let read = |index| unsafe { self.page(index).read_volatile() };
        std::hint::black_box((from..from + count).map(|index| u64::from(read(index))).sum::<u64>());
    }

    fn drop_pages(self, from: usize, count: usize) -> nix::Result<()> {
        // SAFETY: pages of the mapping, of which no reference exists; they read as before the first write afterwards.
        unsafe { madvise(self.page(from).cast(), count * page_size(), MmapAdvise::MADV_DONTNEED) }
    }
}

/// The subject's life. It has pages of each kind, obeys, and may leave its conversation to a fork of itself.
pub(crate) fn live() -> Result<(), Box<dyn Error>> {
    let small = MmapAdvise::MADV_NOHUGEPAGE;
    let areas = [
        ("fresh", Area::anonymous(MapFlags::MAP_PRIVATE, small)?),
        ("old", Area::anonymous(MapFlags::MAP_PRIVATE, small)?),
        ("shared", Area::anonymous(MapFlags::MAP_SHARED, small)?),
        ("huge", Area::anonymous(MapFlags::MAP_PRIVATE, MmapAdvise::MADV_HUGEPAGE)?),
        ("frozen", Area::of_file(c"frozen")?),
        ("thawed", Area::of_file(c"thawed")?),
    ];
    let area = |name: &str| areas.iter().find(|area| area.0 == name).map(|area| area.1).ok_or("no such area");
    for written in ["old", "shared", "huge", "thawed"] {
        area(written)?.write(0, WRITTEN);
    }

    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut line = String::with_capacity(64);
    let mut answer = Vec::with_capacity(64);
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut words = line.split_ascii_whitespace();
        let verb = words.next().unwrap_or_default();
        let name = words.next().unwrap_or_default();
        let mut number = || words.next().unwrap_or("0").parse::<usize>();
        match verb {
            "write" => area(name)?.write(number()?, number()?),
            "read" => area(name)?.read(number()?, number()?),
            "drop" => area(name)?.drop_pages(number()?, number()?)?,
            "spin" => {
                // What the start of this program took is spent already.
                let begin = cpu_time(&getrusage(UsageWho::RUSAGE_SELF)?)?;
                let goal = begin + Duration::from_millis(name.parse()?);
                while cpu_time(&getrusage(UsageWho::RUSAGE_SELF)?)? < goal {}
            }
            // The fork goes on; what this process then writes itself is written when the fork is heard next.
            "fork" => {
                let (written, to_say) = pipe()?;
                // SAFETY: this process has one thread, so the child may do anything.
                if let ForkResult::Parent { child } = unsafe { fork() }? {
                    drop(written);
                    area(name)?.write(number()?, number()?);
                    drop(to_say);
                    waitpid(child, None)?;
                    return Ok(());
                }
                drop(to_say);
                read_to_string(written)?;
            }
            "forge" => {
                prctl::set_name(FORGED)?;
                let pages = NonZeroUsize::new(page_size()).ok_or("no page")?;
                // A kernel without CONFIG_ANON_VMA_NAME has no such names to forge.
                let _ = prctl::set_vma_anon_name(area("old")?.0, pages, Some(c"forged"));
            }
            "hide" => prctl::set_dumpable(false)?,
            "stop" | "usage" => {}
            other => return Err(format!("unknown verb {other}").into()),
        }
        let usage = getrusage(UsageWho::RUSAGE_SELF)?;
        answer.clear();
        let faults = (usage.minor_page_faults(), usage.major_page_faults());
        writeln!(answer, "{} {} {}", std::process::id(), faults.0, faults.1)?;
        output.write_all(&answer)?;
        output.flush()?;
        if verb == "stop" {
            raise(Signal::SIGSTOP)?;
        }
    }
}

/// A subject that has done each of its motions once, so that later ones cost nothing but what is asked for.
pub(crate) struct Subject {
    pub(crate) process: Child,
    /// The one that answers: the process, or a fork of it.
    pub(crate) pid: Pid,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Subject {
    pub(crate) fn start() -> Result<Self, Failed> {
        Self::start_as(&mut Command::new("/proc/self/exe"))
    }

    /// One in a user namespace that this process owns; `None` where there are none for it.
    pub(crate) fn start_in_namespace() -> Result<Option<Self>, Failed> {
        let mut command = Command::new("/proc/self/exe");
        // SAFETY: one system call, which allocates nothing and takes no lock, between fork and exec.
        unsafe { command.pre_exec(|| Ok(unshare(CloneFlags::CLONE_NEWUSER)?)) };
        match std::fs::read_to_string("/proc/sys/user/max_user_namespaces")?.trim() {
            "0" => Ok(None),
            _ => Self::start_as(&mut command).map(Some),
        }
    }

    fn start_as(command: &mut Command) -> Result<Self, Failed> {
        let mut process =
            command.env(ROLE, "subject").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (input, output) = (process.stdin.take(), process.stdout.take().ok_or("no standard output")?);
        let pid = Pid::from_raw(i32::try_from(process.id())?);
        let mut subject = Self { process, pid, input, output: BufReader::new(output) };
        subject.warm_up()?;
        Ok(subject)
    }

    fn warm_up(&mut self) -> Result<(), Failed> {
        for motion in ["usage", "write fresh 0 1", "read fresh 0 1", "drop fresh 0 1", "usage"] {
            self.ask(motion)?;
        }
        Ok(())
    }

    /// From now on a fork answers; its parent writes so many pages of an area after the fork.
    pub(crate) fn fork(&mut self, area: &str, pages: usize) -> Result<(), Failed> {
        self.pid = Pid::from_raw(self.ask(&format!("fork {area} 0 {pages}"))?[0].try_into()?);
        self.warm_up()
    }

    /// Does it, and gives its pid and its own count of minor and major faults.
    pub(crate) fn ask(&mut self, words: &str) -> Result<[u64; 3], Failed> {
        writeln!(self.input.as_mut().ok_or("the subject was told to end")?, "{words}")?;
        let mut answer = String::new();
        self.output.read_line(&mut answer)?;
        let numbers: Vec<u64> = answer.split_ascii_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        numbers.try_into().map_err(|_| format!("{words}: {answer:?}").into())
    }

    /// Lets the subject end and leaves it unreaped.
    pub(crate) fn end(&mut self) -> Result<(), Failed> {
        self.input = None;
        waitid(Id::Pid(self.pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)?;
        Ok(())
    }

    pub(crate) fn sample(&self) -> Result<Sample, Failed> {
        Ok(Sampler::new().sample(self.pid)?)
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // A fork ends by the end of its input; both others fail only when it is gone already, which is what is wanted.
        self.input = None;
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn cpu_time(usage: &Usage) -> Result<Duration, std::num::TryFromIntError> {
    let (user, system) = (usage.user_time(), usage.system_time());
    let micros = (user.tv_sec() + system.tv_sec()) * 1_000_000 + user.tv_usec() + system.tv_usec();
    Ok(Duration::from_micros(u64::try_from(micros)?))
}

pub(crate) fn page_size() -> usize {
    let size = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    size.and_then(|size| size.try_into().ok()).expect("a page has a size")
}
