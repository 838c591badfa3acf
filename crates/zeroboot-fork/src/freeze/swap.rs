//! Moving memory into the file, piece by piece, while nothing else may run.
//!
//! From the moment when a page is looked at until it is replaced, nothing of this process may change but this stack,
//! which is not moved, and the [`List`]s, which are not either. So nothing here allocates, logs or panics; signals are
//! blocked; and there is one thread. `errno`, which a failed call sets, is near the thread's control block, which is
//! kept.
//!
//! A piece is copied and replaced before the next one is looked at: no more than one is there twice.

use std::ffi::{c_int, c_void};
use std::ops::{ControlFlow, Range};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

use super::area::List;
use super::pages::{Class, PageTable, Runs};
use super::report::{Halt, SkipReason, Skipped};
use super::select::{Backing, Candidate, Reserve};

/// Moves the memory of this process into one file.
pub(super) struct Mover {
    file: OwnedFd,
    /// The length of the file. It only grows: each piece is written where nothing was written before.
    length: u64,
    /// `RLIMIT_FSIZE`: who exceeds it gets a signal.
    limit: u64,
    table: PageTable,
    page: u64,
    pub(super) bytes: u64,
    pub(super) written: u64,
    pub(super) skipped: List<Skipped>,
}

/// Memory within candidates that stays where it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept {
    start: u64,
    end: u64,
    reason: SkipReason,
}

impl Kept {
    /// Fills a list with room for all: by address, `heavy` being so already.
    pub(super) fn list(
        list: &mut List<Self>,
        heavy: &[Range<u64>],
        thread: &Range<u64>,
    ) -> Result<(), Errno> {
        let of = |range: &Range<u64>, reason| Self { start: range.start, end: range.end, reason };
        let before = heavy.partition_point(|range| range.start < thread.start);
        let heavy = heavy.iter().map(|range| of(range, SkipReason::WriteHeavy));
        heavy.clone().take(before).try_for_each(|kept| list.push(kept))?;
        list.push(of(thread, SkipReason::ThreadControlBlock))?;
        heavy.skip(before).try_for_each(|kept| list.push(kept))
    }
}

/// Whether memory could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    Whole,
    Failed,
}

impl Mover {
    /// Makes the file. The list has room for what each candidate can need: three entries.
    pub(super) fn new(table: PageTable, page: u64, skipped: List<Skipped>) -> Result<Self, Errno> {
        let (file, limit) = (memory_file()?, file_limit()?);
        Ok(Self { file, length: 0, limit, table, page, bytes: 0, written: 0, skipped })
    }

    /// Moves all candidates that need not be left alone, but for `kept`, and seals the file.
    ///
    /// # Safety
    /// The candidates are private mappings of this process, which have not changed since they were read. Until this
    /// returns nothing writes to memory but this call to its own stack. The stack and the lists are in no candidate
    /// that is moved, and what libc and the kernel write by themselves is in `kept`.
    pub(super) unsafe fn run(
        &mut self,
        candidates: &[Candidate],
        kept: &[Kept],
        ahead: &mut PageTable,
    ) -> Result<(), Halt> {
        let mut moved = Ok(());
        for candidate in candidates {
            // SAFETY: the caller's promise.
            moved = unsafe { self.candidate(candidate, kept, ahead) };
            if moved.is_err() {
                break;
            }
        }
        // What was moved is sealed, even if the rest was not moved.
        moved.and(seal(&self.file).map_err(Halt::Seal))
    }

    /// # Safety
    /// As for [`run`](Self::run).
    unsafe fn candidate(
        &mut self,
        candidate: &Candidate,
        kept: &[Kept],
        ahead: &mut PageTable,
    ) -> Result<(), Halt> {
        if let Some(reason) = candidate.skip {
            self.skip(candidate, candidate.start..candidate.end, reason);
            return Ok(());
        }
        let mut piece = candidate.start..candidate.start;
        for kept in kept {
            let within = piece.start.max(kept.start)..candidate.end.min(kept.end);
            if within.is_empty() {
                continue;
            }
            self.skip(candidate, within.clone(), kept.reason);
            piece.end = within.start;
            // SAFETY: a part of the candidate, without what is kept.
            unsafe { self.piece(candidate, &piece, ahead)? };
            piece = within.end..within.end;
        }
        piece.end = candidate.end;
        // SAFETY: as above.
        unsafe { self.piece(candidate, &piece, ahead) }
    }

    /// # Safety
    /// As for [`run`](Self::run); the piece is a part of the candidate, without what is kept.
    unsafe fn piece(
        &mut self,
        candidate: &Candidate,
        piece: &Range<u64>,
        ahead: &mut PageTable,
    ) -> Result<(), Halt> {
        if piece.is_empty() {
            return Ok(());
        }
        let mut runs = Runs::from(piece.start, self.page);
        // Where the last run or guard has ended.
        let mut last = piece.start;
        let mut window = piece.start..piece.start;
        while window.end < piece.end {
            window = window.end..piece.end.min(window.end + PageTable::WINDOW * self.page);
            // SAFETY: a part of the candidate.
            let classes = unsafe { ahead.classes(&window, candidate.backing) };
            for (address, class) in classes.map_err(Halt::PageTable)? {
                if let Some(run) = runs.add(address, class) {
                    // SAFETY: a run of this piece, and what lies before it.
                    if let ControlFlow::Break(at) = unsafe { self.move_run(candidate, &run, last)? } {
                        self.skip(candidate, at..piece.end, SkipReason::ReadFailed);
                        return Ok(());
                    }
                    last = run.end;
                }
                if class == Class::Guard {
                    last = address + self.page;
                }
            }
        }
        if let Some(run) = runs.end(piece.end) {
            // SAFETY: as above.
            if let ControlFlow::Break(at) = unsafe { self.move_run(candidate, &run, last)? } {
                self.skip(candidate, at..piece.end, SkipReason::ReadFailed);
                return Ok(());
            }
            last = run.end;
        }
        // SAFETY: after the last run or guard there is nothing in this piece.
        unsafe { self.clear(candidate, &(last..piece.end)) }
    }

    /// Moves a run, and then makes what is empty between `last` and the run a mapping without history, which a fork
    /// neither copies nor visits. In this order: the kernel would merge it with the run as it is before.
    ///
    /// Breaks with the address from which on nothing was moved, since memory there could not be read.
    ///
    /// # Safety
    /// As for [`run`](Self::run); the run is a part of the candidate, and nothing is between `last` and it.
    unsafe fn move_run(
        &mut self,
        candidate: &Candidate,
        run: &Range<u64>,
        last: u64,
    ) -> Result<ControlFlow<u64>, Halt> {
        let mut chunk = run.start..run.start;
        while chunk.end < run.end {
            chunk = chunk.end..run.end.min(chunk.end + PageTable::WINDOW * self.page);
            let offset = self.grow(chunk.end - chunk.start).map_err(Halt::Grow)?;
            // SAFETY: a part of the candidate; see below.
            if unsafe { self.copy(candidate, &chunk, offset)? } == Read::Failed {
                return Ok(ControlFlow::Break(chunk.start));
            }
            // SAFETY: this part of the file has just got the content of this part of the candidate, and nothing has
            // changed since, by the caller's promise.
            unsafe { self.swap(candidate, &chunk, offset)? };
        }
        // SAFETY: the caller's promise.
        unsafe { self.clear(candidate, &(last..run.start))? };
        Ok(ControlFlow::Continue(()))
    }

    /// Makes room at the end of the file; answers where. A file that is too short raises a signal in whoever touches
    /// memory beyond its end.
    fn grow(&mut self, by: u64) -> Result<u64, Errno> {
        let offset = self.length;
        let length = offset + by;
        if length > self.limit {
            return Err(Errno::EFBIG);
        }
        let wanted = i64::try_from(length).map_err(|_| Errno::EFBIG)?;
        nix::unistd::ftruncate(&self.file, wanted)?;
        self.length = length;
        Ok(offset)
    }

    /// Writes a chunk to the file: of memory without a file what has content, so that the rest stays a hole; of a
    /// file's mapping all.
    ///
    /// # Safety
    /// As for [`run`](Self::run); the chunk is a part of the candidate, and a window at most.
    unsafe fn copy(&mut self, candidate: &Candidate, chunk: &Range<u64>, offset: u64) -> Result<Read, Halt> {
        let mut solid = chunk.start..chunk.start;
        if candidate.backing == Backing::File {
            solid.end = chunk.end;
        } else {
            // SAFETY: the caller's promise.
            let classes = unsafe { self.table.classes(chunk, candidate.backing) };
            for (address, class) in classes.map_err(Halt::PageTable)? {
                if class != Class::Solid {
                    continue;
                }
                if solid.end != address {
                    if write(&self.file, &solid, offset + (solid.start - chunk.start))? == Read::Failed {
                        return Ok(Read::Failed);
                    }
                    self.written += solid.end - solid.start;
                    solid.start = address;
                }
                solid.end = address + self.page;
            }
        }
        let read = write(&self.file, &solid, offset + (solid.start - chunk.start))?;
        if read == Read::Whole {
            self.written += solid.end - solid.start;
        }
        Ok(read)
    }

    /// Maps the file over a chunk.
    ///
    /// # Safety
    /// As for [`run`](Self::run); the file has, from `offset`, the content of the chunk.
    unsafe fn swap(&mut self, candidate: &Candidate, chunk: &Range<u64>, offset: u64) -> Result<(), Halt> {
        let offset = i64::try_from(offset).map_err(|_| Halt::Swap(Errno::EOVERFLOW))?;
        // SAFETY: the content is the same before and after, and nobody else looks meanwhile.
        unsafe { map_over(candidate, chunk, 0, (self.file.as_raw_fd(), offset)) }.map_err(Halt::Swap)?;
        self.bytes += chunk.end - chunk.start;
        advise(candidate, chunk).map_err(Halt::Advise)
    }

    /// Leaves nothing in the page table for a gap, which has no content of its own. Without a file it is replaced by a
    /// mapping that never had any: a fork does not even visit it. Of a file's mapping only the kernel's memory of what
    /// was read is dropped: the file is not ours to be mapped again, and so a fork goes on visiting the mapping.
    ///
    /// # Safety
    /// As for [`run`](Self::run); each page of the gap is absent, zero, or the file's.
    unsafe fn clear(&mut self, candidate: &Candidate, gap: &Range<u64>) -> Result<(), Halt> {
        if gap.is_empty() {
            return Ok(());
        }
        if candidate.backing == Backing::File {
            let (start, length) = place(gap).map_err(Halt::Clear)?;
            // SAFETY: needed since nix's wrapper is a feature that nothing else wants. Pages that the mapping has
            // written would be lost, and there are none.
            let result = unsafe { libc::madvise(start, length, libc::MADV_DONTNEED) };
            return Errno::result(result).map(drop).map_err(Halt::Clear);
        }
        // SAFETY: zeroes before and after.
        unsafe { map_over(candidate, gap, libc::MAP_ANONYMOUS, (-1, 0)) }.map_err(Halt::Clear)?;
        advise(candidate, gap).map_err(Halt::Advise)
    }

    fn skip(&mut self, candidate: &Candidate, range: Range<u64>, reason: SkipReason) {
        let bytes = candidate.anonymous.min(range.end - range.start);
        // There is room: see `new`.
        let _ = self.skipped.push(Skipped { start: range.start, end: range.end, bytes, reason });
    }
}

/// `memfd_create(2)`, closed on exec, not executable where the kernel knows of that.
fn memory_file() -> Result<OwnedFd, Errno> {
    /// Linux 6.3; where `vm.memfd_noexec` is 2, it must be said.
    const NOEXEC_SEAL: libc::c_uint = 8;
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    let make = |flags| {
        // SAFETY: needed since nix's wrapper cannot say the newer flag. The name ends with a zero byte.
        let number = unsafe { libc::memfd_create(c"zeroboot-frozen".as_ptr(), flags) };
        Errno::result(number)
    };
    let number = match make(flags | NOEXEC_SEAL) {
        Err(Errno::EINVAL) => make(flags),
        result => result,
    }?;
    // SAFETY: needed to own it. The kernel has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

fn file_limit() -> Result<u64, Errno> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: needed since nix's wrapper is a feature that nothing else wants. The limit is valid for writing.
    Errno::result(unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) })?;
    Ok(limit.rlim_cur)
}

/// Writes memory to the file, where that can be read.
fn write(file: &OwnedFd, memory: &Range<u64>, offset: u64) -> Result<Read, Halt> {
    let mut at = memory.start;
    while at < memory.end {
        let length = usize::try_from(memory.end - at).map_err(|_| Halt::Copy(Errno::EOVERFLOW))?;
        let offset = i64::try_from(offset + (at - memory.start)).map_err(|_| Halt::Copy(Errno::EOVERFLOW))?;
        let from = std::ptr::with_exposed_provenance::<c_void>(usize::try_from(at).unwrap_or_default());
        // SAFETY: needed since no slice of this program covers what is copied. The kernel only reads, and answers
        // EFAULT where there is nothing to be read.
        match Errno::result(unsafe { libc::pwrite(file.as_raw_fd(), from, length, offset) }) {
            Ok(0) => return Err(Halt::Copy(Errno::EIO)),
            Ok(written) => at += written.unsigned_abs() as u64,
            Err(Errno::EINTR) => {}
            Err(Errno::EFAULT) => return Ok(Read::Failed),
            Err(errno) => return Err(Halt::Copy(errno)),
        }
    }
    Ok(Read::Whole)
}

/// Maps something privately over a part of a candidate, in one step, with the same protection.
///
/// # Safety
/// Whoever uses the memory finds the same content in what is mapped, and nothing writes to it meanwhile.
unsafe fn map_over(
    candidate: &Candidate,
    range: &Range<u64>,
    flags: c_int,
    (file, offset): (c_int, i64),
) -> Result<(), Errno> {
    let reserve = match candidate.reserve {
        Reserve::Counted => 0,
        Reserve::NotCounted => libc::MAP_NORESERVE,
    };
    let flags = flags | reserve | libc::MAP_PRIVATE | libc::MAP_FIXED;
    let (start, length) = place(range)?;
    // SAFETY: needed, since it is what a freeze is. The range is a part of a mapping of this process; for its content,
    // see the caller's promise.
    let mapped = unsafe { libc::mmap(start, length, candidate.protection, flags, file, offset) };
    if mapped == libc::MAP_FAILED { Err(Errno::last()) } else { Ok(()) }
}

/// Tells the kernel again what it was told of the mapping that was there.
pub(super) fn advise(candidate: &Candidate, range: &Range<u64>) -> Result<(), Errno> {
    let (start, length) = place(range)?;
    for advice in candidate.advices.each() {
        // SAFETY: needed since nix takes no such pointer without it either. The range was just mapped, and none of
        // these advices changes its content.
        Errno::result(unsafe { libc::madvise(start, length, advice) })?;
    }
    Ok(())
}

pub(super) fn place(range: &Range<u64>) -> Result<(*mut c_void, usize), Errno> {
    let word = |number| usize::try_from(number).map_err(|_| Errno::EOVERFLOW);
    let start = word(range.start)?;
    Ok((std::ptr::with_exposed_provenance_mut(start), word(range.end)? - start))
}

/// What is mapped from the file stays as it is: who came by a descriptor of it, by whatever way, could neither write to
/// it nor cut it. Private mappings may still be written, since they never reach the file. See `F_ADD_SEALS` in
/// `fcntl(2)`.
fn seal(file: &OwnedFd) -> Result<(), Errno> {
    let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE | libc::F_SEAL_SEAL;
    // SAFETY: needed since nix wants a feature for it that nothing else does. No memory is passed.
    Errno::result(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) }).map(drop)
}
