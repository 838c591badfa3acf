//! What a storm costs: a child writes to memory that its parent has warmed up, or to fresh memory.
//!
//! For each byte on standard input one fork. Two numbers of eight bytes go to standard output, in the machine's order: the
//! nanoseconds from the call of the fork to the child's last write, and the child's page faults.
//!
//! ```text
//! head -c 5 /dev/zero | cargo run --release --example storm -- 100 bulk 100 | od -t u8
//! ```
//!
//! | mode | the memory |
//! |---|---|
//! | `plain` | as the allocator has made it |
//! | `frozen` | in a file, see `freeze` |
//! | `populated` | plain, and the child asks for all of it at once (`MADV_POPULATE_WRITE`) |
//! | `pinned` | plain, and copied by the fork, see `working_set` |
//! | `bulk` | copied by the child at one go, see `ForkPlan::set_write_heavy` |
//! | `heap` | allocated by the child |
//! | `huge-heap` | the same, from heap that was set apart, see `reserve_huge_heap` |
//!
//! Of the pages the given share is written, in per cent, evenly spread; of a heap all are.

use std::env;
use std::error::Error;
use std::hint::black_box;
use std::io::{self, PipeWriter, Read, Write, pipe};
use std::ops::Range;

use nix::sys::resource::{UsageWho, getrusage};
use zeroboot_fork::freeze::{WriteHeavy, freeze};
use zeroboot_fork::working_set::{CopiedAtFork, Witness};
use zeroboot_fork::{Child, ForkOptions, ForkPlan, Forked, leave, monotonic_ns, reserve_huge_heap};

const USAGE: &str = "storm MEBIBYTES plain|frozen|populated|pinned|bulk|heap|huge-heap PERCENT";
const PAGE: usize = 4096;
/// So much of the memory begins at a boundary of huge pages.
const BLOCK: usize = 2 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [size, mode, share] = &arguments[..] else { return Err(USAGE.into()) };
    let mode = Mode::named(mode).ok_or(USAGE)?;
    let (bytes, share) = (size.parse::<usize>()? << 20, share.parse()?);

    // Not zero, so that each page has memory of its own.
    let mut memory = vec![1_u8; if mode.is_fresh() { 0 } else { bytes + BLOCK }];
    let first = memory.as_ptr().align_offset(BLOCK).min(memory.len());
    let memory = memory.get_mut(first..first + bytes).unwrap_or_default();
    let mut plan = ForkPlan::prepare(ForkOptions::default())?;
    let mut heavy = WriteHeavy::default();
    let mut pinned = None;
    match mode {
        Mode::Frozen => _ = freeze()?,
        Mode::Bulk => _ = heavy.add(&[addresses(memory)])?,
        Mode::Pinned => pinned = Some(pin(&plan, memory, share)?),
        Mode::HugeHeap => reserve_huge_heap(bytes + 2 * BLOCK)?,
        Mode::Plain | Mode::Populated | Mode::Heap => {}
    }

    plan.set_write_heavy(heavy);

    let mut ask = [0; 1];
    while io::stdin().read(&mut ask)? == 1 {
        let (mut near, far) = pipe()?;
        let before = monotonic_ns();
        let mut child = fork(&plan, || {
            // Kept until the time is told: to free it is no part of the storm.
            let mut heap = Vec::new();
            match mode {
                Mode::Heap | Mode::HugeHeap => heap = vec![1_u8; bytes],
                Mode::Populated => populate(memory).map(|()| write(memory, share))?,
                _ => write(memory, share),
            }
            black_box(&heap);
            tell(&far, monotonic_ns() - before)
        })?;
        let mut answer = [0; 16];
        near.read_exact(&mut answer)?;
        child.wait()?;
        io::stdout().write_all(&answer)?;
        io::stdout().flush()?;
    }
    drop(pinned);
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Plain,
    Frozen,
    Populated,
    Pinned,
    Bulk,
    Heap,
    HugeHeap,
}

impl Mode {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "plain" => Self::Plain,
            "frozen" => Self::Frozen,
            "populated" => Self::Populated,
            "pinned" => Self::Pinned,
            "bulk" => Self::Bulk,
            "heap" => Self::Heap,
            "huge-heap" => Self::HugeHeap,
            _ => return None,
        })
    }

    /// Whether the child allocates what it writes.
    fn is_fresh(self) -> bool {
        matches!(self, Self::Heap | Self::HugeHeap)
    }
}

fn addresses(memory: &[u8]) -> Range<u64> {
    let memory = memory.as_ptr_range();
    memory.start.addr() as u64..memory.end.addr() as u64
}

/// A child that does this, and leaves.
fn fork(plan: &ForkPlan, body: impl FnOnce() -> io::Result<()>) -> Result<Child, Box<dyn Error>> {
    match plan.fork()? {
        Forked::Parent(child) => Ok(child),
        Forked::Child(fresh) => {
            let started = fresh.repair().and_then(|()| fresh.restore_signals());
            // The parent waits for an answer, and hears of a failure by its absence.
            leave(u8::from(started.is_err() || body().is_err()));
        }
    }
}

/// Writes its share of the pages.
fn write(memory: &mut [u8], share: usize) {
    let mut due = 0;
    for page in memory.chunks_mut(PAGE) {
        due += share;
        if due >= 100 {
            due -= 100;
            page[0] = 2;
        }
    }
    black_box(memory);
}

/// See `MADV_POPULATE_WRITE` in `madvise(2)`.
fn populate(memory: &mut [u8]) -> io::Result<()> {
    // SAFETY: needed since there is no wrapper for it. The memory is this process's own, and its content does not change.
    let result =
        unsafe { libc::madvise(memory.as_mut_ptr().cast(), memory.len(), libc::MADV_POPULATE_WRITE) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Learns what a child writes, and has each later fork copy it.
fn pin(plan: &ForkPlan, memory: &mut [u8], share: usize) -> Result<CopiedAtFork, Box<dyn Error>> {
    let ((mut near, far), (mut wait, end)) = (pipe()?, pipe()?);
    let witness = Witness::new()?;
    let mut child = fork(plan, || {
        write(memory, share);
        tell(&far, 0)?;
        wait.read_exact(&mut [0])
    })?;
    let mut observer = witness.observe(child.pid())?;
    near.read_exact(&mut [0; 16])?;
    let set = observer.working_set()?;
    (&end).write_all(b".")?;
    child.wait()?;
    Ok(set.copy_at_fork()?)
}

/// The time, and this process's faults.
fn tell(mut pipe: &PipeWriter, nanoseconds: u64) -> io::Result<()> {
    let faults = getrusage(UsageWho::RUSAGE_SELF)?.minor_page_faults();
    let faults = u64::try_from(faults).map_err(io::Error::other)?;
    let mut answer = [0; 16];
    answer[..8].copy_from_slice(&nanoseconds.to_ne_bytes());
    answer[8..].copy_from_slice(&faults.to_ne_bytes());
    pipe.write_all(&answer)
}
