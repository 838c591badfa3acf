//! Pages that every child writes: learned from one, copied for the next.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

use libtest_mimic::Trial;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Resource, UsageWho, getrusage, setrlimit};
use zeroboot_fork::freeze::freeze;
use zeroboot_fork::working_set::{CopyError, HugeCodeError, Witness, WorkingSet};
use zeroboot_fork::{ExitStatus, Way};

use crate::common::{Skip, Verdict, both_ways, code_of, plan, trial};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("working set: a forbidden pin is told, with what to do", forbidden),
        trial("working set: nobody learns from a process that is gone", gone),
        trial("working set: a witness holds nothing open", no_descriptors),
    ];
    trials.extend(both_ways("working set: exactly what a child has written", learned));
    trials.extend(both_ways("working set: not what its parent has written meanwhile", parents));
    trials.extend(both_ways("working set: what is read of frozen memory is mapped by the fork", mapped));
    trials.extend(both_ways("working set: code of large files moves to huge pages, and runs there", huge));
    trials.extend(both_ways("working set: copied by the fork, for as long as it is kept", copied));
    trials
}

const PAGES: usize = 64;
const PAGE: usize = 4096;

/// Private memory that has been written, one number a page.
struct Memory(*mut u8);

impl Memory {
    fn new() -> Self {
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping anywhere.
        let start = unsafe { libc::mmap(ptr::null_mut(), PAGES * PAGE, protection, flags, -1, 0) };
        assert_ne!(start, libc::MAP_FAILED);
        let memory = Self(start.cast());
        (0..PAGES).for_each(|page| memory.write(page, 1));
        memory
    }

    fn write(&self, page: usize, value: u8) {
        assert!(page < PAGES);
        // SAFETY: inside the mapping, which lives as long as the test's process.
        unsafe { self.0.add(page * PAGE).write_volatile(value) };
    }

    fn read(&self, page: usize) -> u8 {
        assert!(page < PAGES);
        // SAFETY: as above.
        unsafe { self.0.add(page * PAGE).read_volatile() }
    }

    fn written(&self, set: &WorkingSet) -> Vec<Range<usize>> {
        let start = self.0.addr() as u64;
        let end = start + (PAGES * PAGE) as u64;
        let page = |address: u64| usize::try_from(address - start).expect("inside") / PAGE;
        let inside = |range: &&Range<u64>| range.start < end && start < range.end;
        // A neighbour may have been written as well.
        let cut = |range: &Range<u64>| page(range.start.max(start))..page(range.end.min(end));
        set.written().iter().filter(inside).map(cut).collect()
    }
}

/// Forks a child that waits, writes these pages, and waits again; what was learned from it.
fn rehearse(way: Way, memory: &Memory, pages: &[usize]) -> WorkingSet {
    rehearse_while(way, memory, pages, || ())
}

/// The same, while the parent does something.
fn rehearse_while(way: Way, memory: &Memory, pages: &[usize], meanwhile: impl FnOnce()) -> WorkingSet {
    let (mut go, told) = (pipe().expect("a pipe"), pipe().expect("a pipe"));
    let witness = Witness::new().expect("a witness");
    let child = plan(way).spawn(&|| Ok(()), || {
        hear(&go.0);
        pages.iter().for_each(|page| memory.write(*page, 2));
        say(&told.1);
        hear(&go.0);
        0
    });
    let mut child = child.expect("a child");
    let mut observer = witness.observe(child.pid()).expect("its memory");
    meanwhile();
    say(&go.1);
    hear(&told.0);
    let set = observer.working_set().expect("what it has written");
    go.1.write_all(b".").expect("it listens");
    assert_eq!(child.wait().expect("its end").status, ExitStatus::Exited(0));
    set
}

fn say(mut pipe: &PipeWriter) {
    pipe.write_all(b".").expect("somebody listens");
}

fn hear(mut pipe: &PipeReader) {
    pipe.read_exact(&mut [0]).expect("a word");
}

fn learned(way: Way) -> Verdict {
    let memory = Memory::new();
    let set = rehearse(way, &memory, &[3, 4, 10, 63]);
    assert_eq!(memory.written(&set), [3..5, 10..11, 63..64]);
    assert!(set.pages() > 4, "its stack as well: {set:?}");
    assert_eq!(memory.written(&rehearse(way, &memory, &[])), [], "reading nothing, writing nothing");
    Ok(())
}

fn parents(way: Way) -> Verdict {
    let memory = Memory::new();
    let writes = || (8..20).for_each(|page| memory.write(page, 3));
    let set = rehearse_while(way, &memory, &[4, 10, 11, 40], writes);
    assert_eq!(memory.written(&set), [4..5, 10..12, 40..41]);
    Ok(())
}

fn copied(way: Way) -> Verdict {
    let memory = Memory::new();
    let all: Vec<usize> = (0..PAGES).collect();
    let set = rehearse(way, &memory, &all);
    let faults = |way| usize::from(code_of(&plan(way), || faults_of_writing(&memory)));

    let one_by_one = PAGES..PAGES + 32;
    assert!(one_by_one.contains(&faults(way)), "one by one: {}", faults(way));
    let kept = match set.copy_at_fork() {
        Err(CopyError::Ring { errno }) => return Err(Skip(format!("cannot make an io_uring: {errno}"))),
        result => result.expect("pinned"),
    };
    assert!(kept.pages() >= PAGES as u64, "{kept:?}");
    assert!(faults(way) < 4, "copied, but for what the child has of its own: {}", faults(way));
    assert!((0..PAGES).all(|page| memory.read(page) == 1), "the parent has its own");
    memory.write(7, 5);
    assert_eq!(code_of(&plan(way), || memory.read(7)), 5, "what the parent writes later is copied later");
    memory.write(7, 1);
    drop(kept);
    assert!(one_by_one.contains(&faults(way)), "one by one again: {}", faults(way));
    Ok(())
}

fn mapped(way: Way) -> Verdict {
    // Far more than the kernel maps around one fault.
    const SIZE: usize = 2048 * PAGE;
    let mut memory = vec![1_u8; SIZE];
    freeze().expect("a frozen process");
    // In each mapping that the list may have become, something is written again.
    memory.iter_mut().step_by(1024 * PAGE).for_each(|byte| *byte = 2);
    let read = || memory.iter().step_by(PAGE).map(|byte| u64::from(*byte)).sum::<u64>();
    let faults = |way| {
        let count = || getrusage(UsageWho::RUSAGE_SELF).expect("usage").minor_page_faults();
        usize::from(code_of(&plan(way), || {
            count();
            let before = count();
            assert_eq!(read(), 2050);
            u8::try_from(count() - before).unwrap_or(u8::MAX)
        }))
    };
    let before = faults(way);
    assert!(before > 64, "the control: {before}");

    let (mut go, told) = (pipe().expect("a pipe"), pipe().expect("a pipe"));
    let witness = Witness::new().expect("a witness");
    let child = plan(way).spawn(&|| Ok(()), || {
        assert_eq!(read(), 2050);
        say(&told.1);
        hear(&go.0);
        0
    });
    let mut child = child.expect("a child");
    let mut observer = witness.observe(child.pid()).expect("its memory");
    hear(&told.0);
    let set = observer.working_set().expect("what it has read");
    go.1.write_all(b".").expect("it listens");
    assert_eq!(child.wait().expect("its end").status, ExitStatus::Exited(0));

    set.map_for_forks();
    let after = faults(way);
    // What is left are its own: its stack, what it calls.
    assert!(after < 16, "{before} faults became {after}");
    Ok(())
}

const HUGE: usize = 2 << 20;

/// A library of 6 MiB with constants below its first boundary of 2 MiB and code above: in each page a function that gives
/// its argument back, and the number of the page behind it.
struct Library(*const u8);

impl Library {
    const SIZE: usize = 3 * HUGE;

    fn mapped() -> Self {
        // mov %edi, %eax; ret
        const IDENTITY: [u8; 3] = [0x89, 0xf8, 0xc3];
        let mut bytes = vec![0_u8; Self::SIZE];
        for (number, page) in bytes.chunks_mut(PAGE).enumerate() {
            page[..3].copy_from_slice(&IDENTITY);
            page[8..16].copy_from_slice(&(number as u64).to_le_bytes());
        }
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(&bytes).expect("written");
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping anywhere, to find a place that is large enough.
        let place = unsafe { libc::mmap(ptr::null_mut(), Self::SIZE + HUGE, libc::PROT_NONE, flags, -1, 0) };
        assert_ne!(place, libc::MAP_FAILED);
        let start = place.addr().next_multiple_of(HUGE);
        let half = HUGE / 2;
        for (offset, length, protection) in
            [(0, half, libc::PROT_READ), (half, Self::SIZE - half, libc::PROT_READ | libc::PROT_EXEC)]
        {
            let at = place.with_addr(start + offset);
            let flags = libc::MAP_PRIVATE | libc::MAP_FIXED;
            let offset = i64::try_from(offset).expect("an offset");
            // SAFETY: over the mapping that was just made.
            let mapped = unsafe { libc::mmap(at, length, protection, flags, file.as_raw_fd(), offset) };
            assert_eq!(mapped, at);
        }
        Self(place.with_addr(start).cast_const().cast())
    }

    fn number(&self, page: usize) -> u64 {
        // SAFETY: eight bytes of the mapping.
        unsafe { self.0.add(page * PAGE + 8).cast::<u64>().read_volatile() }
    }

    fn call(&self, page: usize, argument: u32) -> u32 {
        // SAFETY: a function of this kind is there, as `mapped` has written it.
        let function: extern "C" fn(u32) -> u32 = unsafe { std::mem::transmute(self.0.add(page * PAGE)) };
        function(argument)
    }

    /// What a child does: constants and code of the first and second block, and a page of the third.
    fn use_some(&self) {
        for page in (0..HUGE * 2 / PAGE).step_by(16) {
            assert_eq!(self.number(page), page as u64);
        }
        assert_eq!(self.call(HUGE * 2 / PAGE, 7), 7);
    }
}

fn huge(way: Way) -> Verdict {
    if !cfg!(target_arch = "x86_64") {
        return Err(Skip("its machine code is that of x86-64".to_owned()));
    }
    let library = Library::mapped();
    let faults = |way| {
        let count = || getrusage(UsageWho::RUSAGE_SELF).expect("usage").minor_page_faults();
        usize::from(code_of(&plan(way), || {
            count();
            let before = count();
            library.use_some();
            u8::try_from(count() - before).unwrap_or(u8::MAX)
        }))
    };
    let before = faults(way);
    assert!(before >= 16, "the control: {before}");

    let (mut go, told) = (pipe().expect("a pipe"), pipe().expect("a pipe"));
    let witness = Witness::new().expect("a witness");
    let child = plan(way).spawn(&|| Ok(()), || {
        library.use_some();
        say(&told.1);
        hear(&go.0);
        0
    });
    let mut child = child.expect("a child");
    let mut observer = witness.observe(child.pid()).expect("its memory");
    hear(&told.0);
    let set = observer.working_set().expect("what it has executed");
    go.1.write_all(b".").expect("it listens");
    assert_eq!(child.wait().expect("its end").status, ExitStatus::Exited(0));

    let moved = match set.move_code_to_huge_pages() {
        Err(error @ HugeCodeError::Small) => return Err(Skip(error.to_string())),
        result => result.expect("moved"),
    };
    // The third block is hardly used; the test's own program may have blocks that are.
    assert!(moved >= 2 * HUGE as u64, "{moved}");
    let after = faults(way);
    // What is left are its own: its stack, what it calls.
    assert!(after < 16, "{before} faults became {after}");
    for page in 0..Library::SIZE / PAGE {
        assert_eq!(library.number(page), page as u64, "content is the same");
    }
    assert_eq!(library.call(HUGE / PAGE / 2, 5), 5, "and runs");
    let file = std::fs::read_to_string("/proc/self/maps").expect("maps");
    let third = format!("{:x}-", library.0.addr() + 2 * HUGE);
    assert!(file.lines().any(|line| line.starts_with(&third) && line.contains(" r-xp ")), "{file}");
    Ok(())
}

/// In a child: sees its parent's numbers, writes every page, and gives the number of faults.
fn faults_of_writing(memory: &Memory) -> u8 {
    let minor_faults = || getrusage(UsageWho::RUSAGE_SELF).expect("usage").minor_page_faults();
    minor_faults();
    let before = minor_faults();
    for page in 0..PAGES {
        assert_eq!(memory.read(page), 1);
        memory.write(page, 9);
    }
    u8::try_from(minor_faults() - before).unwrap_or(u8::MAX)
}

fn forbidden() -> Verdict {
    let memory = Memory::new();
    let all: Vec<usize> = (0..PAGES).collect();
    let set = rehearse(Way::Clone3, &memory, &all);
    let code = code_of(&plan(Way::Clone3), || {
        if nix::unistd::geteuid().is_root() {
            // `CAP_IPC_LOCK` knows no limit.
            nix::unistd::setresuid(65_534.into(), 65_534.into(), 65_534.into()).expect("another user");
        }
        // Enough for the ring itself.
        let few = 16 * PAGE as u64;
        setrlimit(Resource::RLIMIT_MEMLOCK, few, few).expect("a lower limit");
        match set.copy_at_fork() {
            Err(error @ CopyError::Pin { .. }) => u8::from(!error.to_string().contains("RLIMIT_MEMLOCK")),
            Err(CopyError::Ring { .. }) => 2,
            other => panic!("{other:?}"),
        }
    });
    match code {
        2 => Err(Skip("cannot make an io_uring".to_owned())),
        code => {
            assert_eq!(code, 0);
            Ok(())
        }
    }
}

fn no_descriptors() -> Verdict {
    let (reader, writer) = pipe().expect("a pipe");
    let witness = Witness::new().expect("a witness");
    drop(writer);
    let mut end = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
    assert_eq!(poll(&mut end, PollTimeout::from(60_000_u16)), Ok(1), "nobody else can write");
    drop(witness);
    Ok(())
}

fn gone() -> Verdict {
    let witness = Witness::new().expect("a witness");
    let child = plan(Way::Clone3).spawn(&|| Ok(()), || 0);
    let mut child = child.expect("a child");
    child.wait().expect("its end");
    assert!(witness.observe(child.pid()).is_err());
    Ok(())
}
