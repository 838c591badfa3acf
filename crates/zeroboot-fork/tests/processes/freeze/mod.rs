//! Freezing: nothing changes but the cost of a fork.

mod failures;
mod heavy;
mod layout;

use std::io::{Read, Write, pipe};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use libtest_mimic::Trial;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use zeroboot_fork::freeze::{SkipReason, freeze};
use zeroboot_fork::{ExitStatus, Way, monotonic_ns};

use self::layout::{Chance, Content, Kind, Layout, PAGE, map};
use crate::common::{Skip, Verdict, both_ways, code_of, plan, trial};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("freeze: the heap grows and shrinks after it", heap),
        trial("freeze: a stack grows after it", stack),
        trial("freeze: memory is there once, and no page table is inherited", accounting),
        trial("freeze: a second one takes what was written since", again),
        trial("freeze: a child freezes itself", in_a_child),
        trial("freeze: 4 GiB of address space with little in it", sparse),
        trial("freeze: zeroes take no memory", zeroes),
        trial("freeze: neighbours become one mapping", neighbours),
        trial("freeze: what a signal's handler counts is not lost", signals),
        trial("freeze: guards stay", guards),
    ];
    trials.extend(both_ways("freeze: any layout keeps content and kind, in parent and children", layouts));
    trials.extend(failures::trials());
    trials.extend(heavy::trials());
    trials
}

const READ_WRITE: libc::c_int = libc::PROT_READ | libc::PROT_WRITE;

/// `ZEROBOOT_SEED` repeats one.
fn layouts(way: Way) -> Verdict {
    let given = std::env::var("ZEROBOOT_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = match given {
        Some(seed) => vec![seed],
        None => (1..=12).chain((0..4).map(|_| monotonic_ns())).collect(),
    };
    for seed in seeds {
        let body = || {
            one_layout(way, seed);
            0
        };
        let mut child = plan(Way::Libc).spawn(&|| Ok(()), body).expect("a child");
        assert_eq!(child.wait().expect("its end").status, ExitStatus::Exited(0), "ZEROBOOT_SEED={seed}");
    }
    Ok(())
}

fn one_layout(way: Way, seed: u64) {
    let mut chance = Chance::new(seed);
    let mut layout = Layout::by(&mut chance);
    let before = layout.marks();
    freeze().expect("frozen");
    assert_eq!(layout.marks(), before);
    layout.check_all();
    family(way, &mut chance, &mut layout);

    // After more writes, once more.
    freeze().expect("frozen");
    assert_eq!(layout.marks(), before);
    layout.check_all();
    family(way, &mut chance, &mut layout);

    // What could not be read has its content as well.
    for mapping in &layout.mappings {
        layout.protect(&mapping.pages, libc::PROT_READ);
        mapping.pages.clone().for_each(|page| layout.check(page));
    }
}

/// Two children: the first sees what there was at its fork, whatever the others write, and nobody sees what it writes.
fn family(way: Way, chance: &mut Chance, layout: &mut Layout) {
    let writable = layout.writable();
    let Some(last) = writable.len().checked_sub(1) else { return };
    let pick =
        |chance: &mut Chance| -> Vec<usize> { (0..20).map(|_| writable[chance.below(last + 1)]).collect() };
    let (of_child, of_parent) = (pick(chance), pick(chance));

    let (told, go) = (pipe().expect("a pipe"), pipe().expect("a pipe"));
    let first = || {
        of_child.iter().filter(|page| is_inherited(layout, **page)).for_each(|page| {
            // SAFETY: a writable page of this process alone.
            unsafe { layout.address(*page).write_volatile(0x5a) };
        });
        (&told.1).write_all(b".").expect("somebody listens");
        (&go.0).read_exact(&mut [0]).expect("a word");
        for page in (0..layout.contents.len()).filter(|page| !of_child.contains(page)) {
            inherited(layout, page);
        }
        0
    };
    let mut first = plan(way).spawn(&|| Ok(()), first).expect("a child");
    (&told.0).read_exact(&mut [0]).expect("a word");
    layout.check_all();
    assert_eq!(code_of(&plan(way), || all_inherited(layout)), 0, "the sibling");
    let kept: Vec<Content> = of_parent.iter().map(|page| layout.contents[*page]).collect();
    for page in &of_parent {
        layout.write(*page, Content::Pattern(chance.next()));
    }
    (&go.1).write_all(b".").expect("it listens");
    assert_eq!(first.wait().expect("its end").status, ExitStatus::Exited(0), "the first child");
    assert_eq!(code_of(&plan(way), || all_inherited(layout)), 0, "a later one");
    layout.check_all();
    // Half of it back, so that some pages are what they were.
    for (page, content) in of_parent.iter().zip(kept).step_by(2) {
        layout.write(*page, content);
    }
}

fn is_inherited(layout: &Layout, page: usize) -> bool {
    layout.mapping(page).kind != Kind::NotInherited
}

fn all_inherited(layout: &Layout) -> u8 {
    (0..layout.contents.len()).for_each(|page| inherited(layout, page));
    0
}

/// In a child: the page is as it should be after a fork.
fn inherited(layout: &Layout, page: usize) {
    let mapping = layout.mapping(page);
    if mapping.protection & libc::PROT_READ == 0 || mapping.kind == Kind::NotInherited {
        return;
    }
    match mapping.kind {
        Kind::Wiped => layout.expect(page, Content::Zero),
        _ => layout.check(page),
    }
}

fn heap() -> Verdict {
    let texts: Vec<String> = (0..20_000).map(|n| format!("number {n}")).collect();
    freeze().expect("frozen");
    const MORE: libc::intptr_t = 1 << 20;
    // SAFETY: no allocation happens between the calls, so that the memory is this function's alone.
    unsafe {
        let end = libc::sbrk(MORE).cast::<u8>();
        assert_ne!(end.addr(), usize::MAX, "it grows");
        end.write_bytes(7, 1 << 20);
        assert_eq!(end.add((1 << 20) - 1).read_volatile(), 7);
        assert_eq!(libc::sbrk(-MORE).cast::<u8>(), end.add(1 << 20), "it shrinks");
        assert_eq!(libc::sbrk(0).cast::<u8>(), end);
    }
    let more: Vec<String> = texts.iter().map(|text| format!("{text}!")).collect();
    for (n, (text, longer)) in texts.iter().zip(&more).enumerate() {
        assert_eq!((text, longer), (&format!("number {n}"), &format!("number {n}!")));
    }
    drop((texts, more));
    // SAFETY: gives memory back, which an allocator must be able to do.
    unsafe { libc::malloc_trim(0) };
    assert_eq!((0..1000).map(|n| vec![n; 1000]).map(|v| v[999]).sum::<i32>(), 499_500);
    Ok(())
}

fn stack() -> Verdict {
    fn deeper(depth: u64) -> u64 {
        let frame = std::hint::black_box([depth; 512]);
        if depth == 0 { 0 } else { deeper(depth - 1) + frame[511] }
    }
    let frozen = freeze().expect("frozen");
    assert!(frozen.skipped.iter().any(|skipped| skipped.reason == SkipReason::Stack), "{frozen:?}");
    assert_eq!(deeper(1000), 500_500, "4 MiB");
    Ok(())
}

/// A line of `/proc/self/status`, in KiB.
fn status(key: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("/proc");
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).expect("a number")
}

/// The page table of a child, in KiB.
fn childs_page_table() -> u64 {
    u64::from(code_of(&plan(Way::Clone3), || u8::try_from(status("VmPTE") / 4).unwrap_or(u8::MAX))) * 4
}

const MIB: usize = 1 << 20;

/// Written memory of small pages.
fn resident(bytes: usize) -> *mut u8 {
    let start = map(ptr::null_mut(), bytes / PAGE, READ_WRITE, 0, None);
    // SAFETY: a fresh mapping of this length.
    unsafe {
        libc::madvise(start.cast(), bytes, libc::MADV_NOHUGEPAGE);
        start.write_bytes(1, bytes);
    }
    start
}

fn accounting() -> Verdict {
    const SIZE: usize = 128 * MIB;
    // What leads to 2 MiB is a page of 4 KiB.
    const TABLES: u64 = (SIZE / (2 * MIB)) as u64 * 4;
    let small = childs_page_table();
    let memory = resident(SIZE);
    assert!(childs_page_table() >= small + TABLES, "the control");
    assert!(status("RssAnon") >= (SIZE / 1024) as u64, "the control");
    let frozen = freeze().expect("frozen");
    assert!(frozen.written >= SIZE as u64, "{frozen:?}");
    assert!(frozen.bytes >= frozen.written, "{frozen:?}");
    assert!(status("RssAnon") < 4096, "{} KiB are still there", status("RssAnon"));
    assert!(childs_page_table() < small + 32, "{} KiB, {small} KiB", childs_page_table());
    // SAFETY: the last byte of the mapping.
    assert_eq!(unsafe { memory.add(SIZE - 1).read_volatile() }, 1);
    Ok(())
}

fn again() -> Verdict {
    const SIZE: usize = 64 * MIB;
    let memory = resident(SIZE);
    let first = freeze().expect("frozen");
    assert!(first.written >= SIZE as u64, "{first:?}");
    let second = freeze().expect("frozen");
    assert!(second.written < 4 * MIB as u64, "nothing but what a freeze itself writes: {second:?}");

    let far = (0..SIZE).step_by(8 * MIB);
    for offset in far.clone() {
        // SAFETY: inside the mapping.
        unsafe { memory.add(offset).write_volatile(2) };
    }
    let third = freeze().expect("frozen");
    // Each with its neighbours, on both sides.
    let most = far.clone().count() * 130 * PAGE;
    assert!(third.written < (4 * MIB + most) as u64, "{third:?}");
    for offset in 0..SIZE {
        let expected = if offset.is_multiple_of(8 * MIB) { 2 } else { 1 };
        // SAFETY: inside the mapping.
        assert_eq!(unsafe { memory.add(offset).read_volatile() }, expected, "{offset}");
    }
    Ok(())
}

fn in_a_child() -> Verdict {
    let memory = resident(MIB);
    freeze().expect("frozen");
    let code = code_of(&plan(Way::Clone3), || {
        // SAFETY: inside the mapping.
        unsafe { memory.write_volatile(9) };
        freeze().expect("frozen");
        // SAFETY: the same.
        unsafe { memory.read_volatile() + memory.add(PAGE).read_volatile() }
    });
    assert_eq!(code, 10);
    // SAFETY: the same.
    assert_eq!(unsafe { memory.read_volatile() }, 1);
    Ok(())
}

fn sparse() -> Verdict {
    const SIZE: usize = 4096 * MIB;
    let start = map(ptr::null_mut(), SIZE / PAGE, READ_WRITE, libc::MAP_NORESERVE, None);
    // A page each 64 MiB, and a MiB in the middle.
    let is_written =
        |offset: usize| offset.is_multiple_of(64 * MIB) || (SIZE / 2..SIZE / 2 + MIB).contains(&offset);
    let pages = || (0..SIZE).step_by(PAGE);
    for offset in pages().filter(|offset| is_written(*offset)) {
        // SAFETY: inside the mapping.
        unsafe { start.add(offset).write_volatile(3) };
    }
    let frozen = freeze().expect("frozen");
    assert!(frozen.written < 8 * MIB as u64, "{frozen:?}");
    assert!(frozen.bytes < 64 * MIB as u64, "{frozen:?}");
    assert!(status("VmRSS") < 32 << 10, "{} KiB", status("VmRSS"));
    // All of what was moved, with its neighbours, and some of the rest.
    for offset in pages().filter(|offset| offset % (64 * MIB) < 2 * MIB || offset.is_multiple_of(8 * MIB)) {
        // SAFETY: inside the mapping.
        let value = unsafe { start.add(offset).read_volatile() };
        assert_eq!(value, if is_written(offset) { 3 } else { 0 }, "{offset:#x}");
    }
    Ok(())
}

fn zeroes() -> Verdict {
    const SIZE: usize = 32 * MIB;
    let start = map(ptr::null_mut(), SIZE / PAGE, READ_WRITE, 0, None);
    // Or one written page would be two mebibytes of memory before the freeze has begun.
    // SAFETY: advice on the whole mapping changes no content.
    assert_eq!(unsafe { libc::madvise(start.cast(), SIZE, libc::MADV_NOHUGEPAGE) }, 0);
    for offset in (0..SIZE).step_by(PAGE) {
        // SAFETY: inside the mapping: one page is written, the next only looked at.
        unsafe {
            if (offset / PAGE).is_multiple_of(2) {
                start.add(offset).write_volatile(0)
            } else {
                start.add(offset).read_volatile();
            }
        }
    }
    let frozen = freeze().expect("frozen");
    assert!(frozen.written < 8 * MIB as u64, "{frozen:?}");
    assert!(status("VmRSS") < 24 << 10, "{} KiB", status("VmRSS"));
    Ok(())
}

/// A mapping that was moved beside another one keeps the number of its first page, and so stays one of its own.
fn neighbours() -> Verdict {
    const PAGES: usize = 8;
    let (both, lonely) = (resident(2 * PAGES * PAGE), resident(PAGES * PAGE));
    // SAFETY: inside the first mapping.
    let second = unsafe { both.add(PAGES * PAGE) };
    let (bytes, flags) = (PAGES * PAGE, libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED);
    // SAFETY: both are mappings of this test, and the old place is not used any more.
    let moved = unsafe { libc::mremap(lonely.cast(), bytes, bytes, flags, second.cast::<libc::c_void>()) };
    assert_eq!(moved, second.cast());
    let mappings = || {
        let maps = std::fs::read_to_string("/proc/self/maps").expect("maps");
        let (start, end) = (both.addr(), both.addr() + 2 * bytes);
        let number = |digits: &str| usize::from_str_radix(digits, 16).expect("a number");
        let range = |line: &str| {
            let (first, last) = line.split(' ').next()?.split_once('-')?;
            Some((number(first), number(last)))
        };
        maps.lines().filter_map(range).filter(|(first, last)| *first < end && start < *last).count()
    };
    assert!(mappings() >= 2, "the control");
    let frozen = freeze().expect("frozen");
    assert_eq!(mappings(), 1, "{frozen:?}");
    Ok(())
}

static COUNTED: AtomicU64 = AtomicU64::new(0);
static OUTSIDE: AtomicU64 = AtomicU64::new(0);

/// `OUTSIDE` holds the address of a counter that is never frozen.
extern "C" fn count(_: libc::c_int) {
    COUNTED.fetch_add(1, Ordering::Relaxed);
    let outside = usize::try_from(OUTSIDE.load(Ordering::Relaxed)).unwrap_or_default();
    // SAFETY: `signals` has stored the address of a shared mapping before the first signal.
    unsafe { (*ptr::with_exposed_provenance::<AtomicU64>(outside)).fetch_add(1, Ordering::Relaxed) };
}

fn signals() -> Verdict {
    let shared = map(ptr::null_mut(), 1, READ_WRITE, libc::MAP_SHARED, None);
    OUTSIDE.store(shared.expose_provenance() as u64, Ordering::Relaxed);
    // SAFETY: a fresh mapping, zeroed, aligned, which ends with the process.
    let outside = unsafe { &*shared.cast::<AtomicU64>() };
    resident(64 * MIB);
    let action = SigAction::new(SigHandler::Handler(count), SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: the handler only adds to atomic numbers.
    unsafe { sigaction(Signal::SIGALRM, &action) }.expect("a handler");
    let period = libc::timeval { tv_sec: 0, tv_usec: 200 };
    let timer = libc::itimerval { it_interval: period, it_value: period };
    // SAFETY: the timer is valid for reading; the old one is not asked for.
    let result = unsafe {
        libc::syscall(libc::SYS_setitimer, libc::ITIMER_REAL, &raw const timer, ptr::null_mut::<()>())
    };
    assert_eq!(result, 0);
    while COUNTED.load(Ordering::Relaxed) < 10 {
        std::hint::spin_loop();
    }
    for _ in 0..5 {
        freeze().expect("frozen");
    }
    let both = || (COUNTED.load(Ordering::Relaxed), outside.load(Ordering::Relaxed));
    let seen = both().0;
    while both().0 < seen + 10 {
        std::hint::spin_loop();
    }
    let mut all = SigSet::empty();
    all.add(Signal::SIGALRM);
    all.thread_block().expect("a mask");
    assert_eq!(both().0, both().1);
    Ok(())
}

fn guards() -> Verdict {
    /// Linux 6.13.
    const MADV_GUARD_INSTALL: libc::c_int = 102;
    let start = resident(8 * PAGE);
    // SAFETY: inside the mapping.
    let guard = unsafe { start.add(4 * PAGE) };
    // SAFETY: one page of the mapping.
    if unsafe { libc::madvise(guard.cast(), PAGE, MADV_GUARD_INSTALL) } != 0 {
        return Err(Skip("this kernel has no guard regions".to_owned()));
    }
    let touch = || {
        let mut child = plan(Way::Clone3).spawn(&|| Ok(()), || {
            // SAFETY: inside the mapping; the signal that it raises is what the test wants.
            unsafe { guard.read_volatile() }
        });
        child.as_mut().expect("a child").wait().expect("its end").status
    };
    let died = touch();
    assert!(matches!(died, ExitStatus::Signaled { .. }), "the control: {died:?}");
    freeze().expect("frozen");
    assert_eq!(touch(), died);
    for page in [0, 1, 2, 3, 5, 6, 7] {
        // SAFETY: inside the mapping, and no guard.
        assert_eq!(unsafe { start.add(page * PAGE).read_volatile() }, 1);
    }
    Ok(())
}
