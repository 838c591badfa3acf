//! Write-heavy memory: a child copies it at one go, and whose it is and what is in it stays as with any fork.

use std::ops::Range;
use std::ptr;
use std::sync::mpsc::channel;
use std::thread;

use libtest_mimic::Trial;
use nix::sys::resource::{UsageWho, getrusage};
use zeroboot_fork::freeze::{
    SkipReason, StandstillError, WriteHeavy, WriteHeavyError, freeze, freeze_apart_from,
};
use zeroboot_fork::{ExitStatus, Forked, Way, leave};

use super::layout::{PAGE, map};
use super::{MIB, READ_WRITE};
use crate::common::{Skip, Verdict, both_ways, plan, trial};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("write-heavy: a freeze leaves it where it is", apart),
        trial("write-heavy: frozen memory can become so", frozen_before),
        trial("write-heavy: only whole blocks of plain memory, once", choice),
        trial("write-heavy: not beside another thread", threads),
        trial("write-heavy: what was unmapped since is passed over", unmapped),
    ];
    trials.extend(both_ways("write-heavy: a child writes without faults, for itself", without_faults));
    trials
}

const BLOCK: usize = 2 * MIB;
const BLOCKS: usize = 8;

/// Blocks with a number in each page, and half a block before and behind.
struct Buffer(*mut u8);

impl Buffer {
    fn new() -> Self {
        let start = map(ptr::null_mut(), (BLOCKS + 2) * BLOCK / PAGE, READ_WRITE, 0, None);
        let buffer = Self(start.map_addr(|start| start.next_multiple_of(BLOCK)));
        // SAFETY: a part of the fresh mapping. Small pages, as most buffers of the world have.
        unsafe { libc::madvise(buffer.0.cast(), BLOCKS * BLOCK, libc::MADV_NOHUGEPAGE) };
        (0..Self::PAGES).for_each(|page| buffer.write(page, page as u64));
        // SAFETY: the same. Now the kernel may do as it likes.
        unsafe { libc::madvise(buffer.0.cast(), BLOCKS * BLOCK, libc::MADV_HUGEPAGE) };
        buffer
    }

    const PAGES: usize = BLOCKS * BLOCK / PAGE;

    fn range(&self) -> Range<u64> {
        let start = self.0.addr() as u64;
        start..start + (BLOCKS * BLOCK) as u64
    }

    fn write(&self, page: usize, number: u64) {
        // SAFETY: eight bytes of the mapping.
        unsafe { self.0.add(page * PAGE).cast::<u64>().write_volatile(number) };
    }

    fn has(&self, add: u64) -> bool {
        // SAFETY: the same.
        (0..Self::PAGES)
            .all(|page| unsafe { self.0.add(page * PAGE).cast::<u64>().read_volatile() == page as u64 + add })
    }

    /// Whether the kernel has given huge pages.
    fn is_huge(&self) -> bool {
        let text = std::fs::read_to_string("/proc/self/smaps").expect("/proc");
        let start = format!("{:x}-", self.0.addr());
        let mut lines = text.lines().skip_while(|line| !line.starts_with(&start));
        let kib = lines.find_map(|line| line.strip_prefix("AnonHugePages:")).expect("a line").trim();
        kib != "0 kB"
    }
}

/// A child that copies what is write-heavy, and then does this.
fn code_after_copy(way: Way, heavy: &WriteHeavy, body: impl FnOnce() -> u8) -> u8 {
    let mut plan = plan(way);
    plan.set_write_heavy(heavy.clone());
    match plan.fork().expect("a fork") {
        Forked::Parent(mut child) => match child.wait().expect("its end").status {
            ExitStatus::Exited(code) => code,
            status => panic!("{status:?}"),
        },
        Forked::Child(fresh) => {
            let ready = fresh.repair().and_then(|()| fresh.restore_signals());
            leave(ready.map_or(100, |()| body()));
        }
    }
}

/// Writes all pages; the number of faults.
fn faults_of_writing(buffer: &Buffer) -> u8 {
    let faults = || getrusage(UsageWho::RUSAGE_SELF).expect("usage").minor_page_faults();
    faults();
    let before = faults();
    (0..Buffer::PAGES).for_each(|page| buffer.write(page, page as u64 + 1));
    let after = faults() - before;
    if buffer.has(1) { u8::try_from(after).unwrap_or(u8::MAX) } else { 101 }
}

fn without_faults(way: Way) -> Verdict {
    let buffer = Buffer::new();
    let none = WriteHeavy::default();
    assert_eq!(code_after_copy(way, &none, || faults_of_writing(&buffer)), u8::MAX, "the control");

    let mut heavy = WriteHeavy::default();
    assert_eq!(heavy.add(&[buffer.range()]).expect("moved"), (BLOCKS * BLOCK) as u64);
    assert_eq!(heavy.pieces(), [buffer.range()]);
    assert!(buffer.has(0), "moved as it was");
    if !buffer.is_huge() {
        return Err(Skip("the kernel gave no huge pages".to_owned()));
    }
    assert_eq!(code_after_copy(way, &none, || faults_of_writing(&buffer)), u8::MAX, "without a copy");
    assert!(buffer.has(0), "a child's writes are its own");
    let faults = code_after_copy(way, &heavy, || faults_of_writing(&buffer));
    assert!(faults < 8, "{faults}");
    assert!(buffer.has(0), "a child's writes are its own");
    let sees = |add| code_after_copy(way, &heavy, || u8::from(!buffer.has(add)));
    assert_eq!(sees(0), 0, "the sibling sees the parent's");
    (0..Buffer::PAGES).for_each(|page| buffer.write(page, page as u64 + 5));
    assert_eq!(sees(5), 0, "a later child sees what the parent has written since");
    Ok(())
}

fn apart() -> Verdict {
    let buffer = Buffer::new();
    let mut heavy = WriteHeavy::default();
    heavy.add(&[buffer.range()]).expect("moved");
    let frozen = freeze_apart_from(&heavy).expect("frozen");
    let left = frozen.skipped.iter().find(|skipped| skipped.reason == SkipReason::WriteHeavy);
    assert_eq!(left.map(|left| left.start..left.end), Some(buffer.range()), "{frozen:?}");
    assert!(buffer.has(0));
    assert!(frozen.written < heavy.bytes(), "the rest: {frozen:?}");
    assert_eq!(code_after_copy(Way::Clone3, &heavy, || u8::from(!buffer.has(0))), 0);
    // The control: an ordinary freeze takes it.
    assert!(freeze().expect("frozen").written >= heavy.bytes());
    assert!(buffer.has(0));
    Ok(())
}

fn frozen_before() -> Verdict {
    let buffer = Buffer::new();
    freeze().expect("frozen");
    // A page that is not the file's any more.
    buffer.write(700, 0);
    let mut heavy = WriteHeavy::default();
    assert_eq!(heavy.add(&[buffer.range()]).expect("moved"), (BLOCKS * BLOCK) as u64);
    assert!(!buffer.has(0), "the written page is taken over");
    buffer.write(700, 700);
    assert!(buffer.has(0));
    assert_eq!(code_after_copy(Way::Clone3, &heavy, || u8::from(!buffer.has(0))), 0);
    Ok(())
}

/// How much is new of one range.
fn take(heavy: &mut WriteHeavy, range: Range<u64>) -> u64 {
    heavy.add(&[range]).expect("moved, or nothing to move")
}

fn choice() -> Verdict {
    let buffer = Buffer::new();
    let mut heavy = WriteHeavy::default();
    let Range { start, .. } = buffer.range();
    let block = BLOCK as u64;
    assert_eq!(take(&mut heavy, start + 1..start + 3 * block - 1), block, "the middle one");
    assert_eq!(take(&mut heavy, start..start + 3 * block), 2 * block, "those around it");
    assert_eq!(take(&mut heavy, start..start + 3 * block), 0);
    assert_eq!(heavy.bytes(), 3 * block);

    // SAFETY: inside of the mapping; nothing writes there any more.
    unsafe {
        libc::mprotect(buffer.0.add(3 * BLOCK).cast(), BLOCK, libc::PROT_READ);
        libc::madvise(buffer.0.add(5 * BLOCK).cast(), BLOCK, libc::MADV_DONTFORK);
    }
    let rest = start + 3 * block..start + 7 * block;
    assert_eq!(take(&mut heavy, rest), 2 * block, "not what is read only, nor what is not inherited");
    let here = (&raw const heavy).addr() as u64;
    let stack = here.saturating_sub(4 * block)..here + 4 * block;
    assert_eq!(take(&mut heavy, stack), 0, "no stack");
    let shared = map(ptr::null_mut(), 4 * BLOCK / PAGE, READ_WRITE, libc::MAP_SHARED, None).addr() as u64;
    assert_eq!(take(&mut heavy, shared..shared + 4 * block), 0, "nothing that is shared");
    assert_eq!(
        take(&mut heavy, 0..block) + take(&mut heavy, u64::MAX - block..u64::MAX),
        0,
        "nothing that is not there"
    );
    Ok(())
}

fn threads() -> Verdict {
    let buffer = Buffer::new();
    let (end, wait) = channel::<()>();
    let worker = thread::spawn(move || {
        wait.recv().expect_err("the other side is dropped");
    });
    let error = WriteHeavy::default().add(&[buffer.range()]).expect_err("two threads");
    assert!(matches!(error, WriteHeavyError::Standstill(StandstillError::Threads(_))), "{error:?}");
    drop(end);
    worker.join().expect("its end");
    WriteHeavy::default().add(&[buffer.range()]).expect("one thread");
    Ok(())
}

fn unmapped() -> Verdict {
    let buffer = Buffer::new();
    let mut heavy = WriteHeavy::default();
    heavy.add(&[buffer.range()]).expect("moved");
    // SAFETY: a block of the buffer, which nobody uses any more.
    unsafe { libc::munmap(buffer.0.add(BLOCK).cast(), BLOCK) };
    assert_eq!(code_after_copy(Way::Clone3, &heavy, || 7), 7);
    Ok(())
}
