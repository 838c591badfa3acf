//! Which mappings are moved, and which are left alone and why: from `/proc/self/smaps`, without an allocation.
//!
//! Never here: a change to any mapping.

use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use super::area::List;
use super::report::SkipReason;
use crate::audit::IO_URING;
use crate::maps::{Head, number};

/// A private mapping that is worth a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) protection: libc::c_int,
    pub(super) backing: Backing,
    pub(super) reserve: Reserve,
    pub(super) advices: Advices,
    /// In bytes, resident or swapped out.
    pub(super) anonymous: u64,
    /// Why it is left alone, if it is.
    pub(super) skip: Option<SkipReason>,
}

/// What an absent page of a mapping would show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Backing {
    /// Zeroes.
    Nothing,
    /// A file's content.
    File,
}

/// Whether the mapping counts as committed memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reserve {
    Counted,
    NotCounted,
}

/// What the kernel was told about a mapping by `madvise(2)` and a new one does not know: bits by place in [`ADVICES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Advices(u8);

const ADVICES: [(&[u8], libc::c_int); 6] = [
    (b"dd", libc::MADV_DONTDUMP),
    (b"hg", libc::MADV_HUGEPAGE),
    (b"mg", libc::MADV_MERGEABLE),
    (b"nh", libc::MADV_NOHUGEPAGE),
    (b"rr", libc::MADV_RANDOM),
    (b"sr", libc::MADV_SEQUENTIAL),
];

impl Advices {
    /// Each, as `madvise(2)` takes it.
    pub(super) fn each(self) -> impl Iterator<Item = libc::c_int> {
        (0..ADVICES.len()).filter(move |bit| self.0 >> bit & 1 == 1).map(|bit| ADVICES[bit].1)
    }

    fn add(&mut self, flag: &[u8]) {
        if let Some(bit) = ADVICES.iter().position(|(name, _)| *name == flag) {
            self.0 |= 1 << bit;
        }
    }
}

/// The marks of mappings that are left alone, see `VmFlags` in `proc_pid_smaps(5)`.
const LEFT_ALONE: [(&[u8], SkipReason); 15] = [
    (b"bt", SkipReason::Tagged),
    (b"dc", SkipReason::NotInherited),
    (b"gd", SkipReason::Stack),
    (b"ht", SkipReason::HugePages),
    (b"io", SkipReason::Device),
    (b"lo", SkipReason::Locked),
    (b"mm", SkipReason::Device),
    (b"mt", SkipReason::Tagged),
    (b"pf", SkipReason::Device),
    (b"sl", SkipReason::Sealed),
    (b"ss", SkipReason::Stack),
    (b"ui", SkipReason::Userfaultfd),
    (b"um", SkipReason::Userfaultfd),
    (b"uw", SkipReason::Userfaultfd),
    (b"wf", SkipReason::WipedOnFork),
];

/// What one fault maps of a file, in bytes (`fault_around_bytes`). See [`SkipReason::Few`].
const FEW: u64 = 64 << 10;

/// Why the mappings could not be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SelectFailure {
    Read(Errno),
    /// The kernel may write to memory of this process by itself.
    KernelWrites,
}

impl From<Errno> for SelectFailure {
    fn from(errno: Errno) -> Self {
        Self::Read(errno)
    }
}

/// Fills `candidates` with those that are wanted, in ascending order; `stack` is an address on the stack that is in use.
pub(super) fn select(
    candidates: &mut List<Candidate>,
    text: &mut Lines,
    stack: u64,
    is_wanted: impl Fn(&Candidate) -> bool,
) -> Result<(), SelectFailure> {
    let mut block = Block::default();
    while let Some(line) = text.next()? {
        if writes_by_itself(line) {
            return Err(SelectFailure::KernelWrites);
        }
        if let Some(mut candidate) = block.feed(line).filter(&is_wanted) {
            if (candidate.start..candidate.end).contains(&stack) {
                candidate.skip = Some(SkipReason::Stack);
            }
            candidates.push(candidate)?;
        }
    }
    Ok(())
}

/// The rings of `io_uring(7)` and `io_setup(2)`.
fn writes_by_itself(line: &[u8]) -> bool {
    Head::parse(line)
        .is_some_and(|head| head.name.starts_with(IO_URING.as_bytes()) || head.name.starts_with(b"/[aio]"))
}

/// The lines of one mapping, as far as they have come. `VmFlags` is the last.
#[derive(Default)]
struct Block {
    candidate: Option<Candidate>,
}

impl Block {
    fn feed(&mut self, line: &[u8]) -> Option<Candidate> {
        if let Some(head) = Head::parse(line) {
            self.candidate = (!head.is_shared()).then(|| of_head(&head));
            return None;
        }
        let candidate = self.candidate.as_mut()?;
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (key, value) = (&line[..colon], &line[colon + 1..]);
        match key {
            b"Anonymous" | b"Swap" => candidate.anonymous += kib(value)? * 1024,
            // A new mapping would have the default key, which guards nothing.
            b"ProtectionKey" if number(value.trim_ascii(), 10) != Some(0) => {
                candidate.skip = Some(SkipReason::ProtectionKey);
            }
            b"VmFlags" => {
                value.split(|byte| *byte == b' ').for_each(|flag| mark(candidate, flag));
                if candidate.protection & libc::PROT_WRITE == 0 && candidate.anonymous < FEW {
                    candidate.skip = candidate.skip.or(Some(SkipReason::Few));
                }
                return self.candidate.take();
            }
            _ => {}
        }
        None
    }
}

fn of_head(head: &Head<'_>) -> Candidate {
    let mut protection = libc::PROT_NONE;
    for (has, bit) in [
        (head.is_readable(), libc::PROT_READ),
        (head.is_writable(), libc::PROT_WRITE),
        (head.is_executable(), libc::PROT_EXEC),
    ] {
        protection |= if has { bit } else { 0 };
    }
    let is_named = |name: &[u8]| head.name.starts_with(name);
    let is_anonymous =
        head.inode == b"0" && (head.name.is_empty() || is_named(b"[heap]") || is_named(b"[anon:"));
    let skip = if is_named(b"[stack") {
        Some(SkipReason::Stack)
    } else if !is_anonymous && !is_named(b"/") {
        Some(SkipReason::Device)
    } else if head.is_readable() {
        None
    } else {
        Some(SkipReason::NotReadable)
    };
    Candidate {
        start: head.start,
        end: head.end,
        protection,
        backing: if is_anonymous { Backing::Nothing } else { Backing::File },
        reserve: Reserve::Counted,
        advices: Advices::default(),
        anonymous: 0,
        skip,
    }
}

fn mark(candidate: &mut Candidate, flag: &[u8]) {
    if flag == b"nr" {
        candidate.reserve = Reserve::NotCounted;
    }
    candidate.advices.add(flag);
    let reason = LEFT_ALONE.iter().find(|(name, _)| *name == flag).map(|(_, reason)| *reason);
    candidate.skip = candidate.skip.or(reason);
}

/// `     12 kB`
fn kib(value: &[u8]) -> Option<u64> {
    number(value.trim_ascii().strip_suffix(b" kB")?, 10)
}

/// Reads a file line by line, into memory that is never frozen.
pub(super) struct Lines {
    file: OwnedFd,
    buffer: List<u8>,
    start: usize,
    end: usize,
}

impl Lines {
    /// Longer than any line: a path has 4,096 bytes at most, each of which may be shown as four.
    const BUFFER: usize = 64 << 10;

    pub(super) fn of(path: &str) -> Result<Self, Errno> {
        let file = open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
        Ok(Self { file, buffer: List::zeroed(Self::BUFFER)?, start: 0, end: 0 })
    }

    /// The next line without its end, or nothing more.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, Errno> {
        loop {
            let rest = self.start..self.end;
            if let Some(length) = self.buffer[rest.clone()].iter().position(|byte| *byte == b'\n') {
                self.start += length + 1;
                return Ok(Some(&self.buffer[rest.start..rest.start + length]));
            }
            self.buffer.copy_within(rest, 0);
            (self.start, self.end) = (0, self.end - self.start);
            if self.end == Self::BUFFER {
                return Err(Errno::EOVERFLOW);
            }
            let length = nix::unistd::read(&self.file, &mut self.buffer[self.end..])?;
            if length == 0 {
                return Ok(None);
            }
            self.end += length;
        }
    }

    /// How many there are.
    pub(super) fn count(mut self) -> Result<usize, Errno> {
        let mut count = 0;
        while self.next()?.is_some() {
            count += 1;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(smaps: &str) -> Vec<Candidate> {
        let mut block = Block::default();
        smaps.lines().filter_map(|line| block.feed(line.as_bytes())).collect()
    }

    #[test]
    fn an_ordinary_mapping() {
        let found = candidates(
            "7f0000-7f4000 rw-p 00000000 00:00 0 \nSize: 16 kB\nAnonymous:             8 kB\nSwap:   4 kB\n\
             ProtectionKey:         0\nVmFlags: rd wr mr mw me nr dd nh \n",
        );
        let [candidate] = found[..] else { panic!("{found:?}") };
        assert_eq!((candidate.start, candidate.end, candidate.anonymous), (0x7f_0000, 0x7f_4000, 12 << 10));
        assert_eq!(candidate.protection, libc::PROT_READ | libc::PROT_WRITE);
        assert_eq!((candidate.backing, candidate.reserve), (Backing::Nothing, Reserve::NotCounted));
        let advices: Vec<_> = candidate.advices.each().collect();
        assert_eq!(advices, [libc::MADV_DONTDUMP, libc::MADV_NOHUGEPAGE]);
        assert_eq!(candidate.skip, None);
    }

    #[test]
    fn each_reason() {
        let reason = |head: &str, lines: &str| {
            let smaps = format!("1000-2000 {head}\nAnonymous: 4 kB\n{lines}\n");
            candidates(&smaps).first().map(|candidate| candidate.skip)
        };
        let plain = "rw-p 00000000 00:00 0 ";
        assert_eq!(reason(plain, "VmFlags: rd wr"), Some(None));
        assert_eq!(reason("rw-p 00000000 00:00 0    [heap]", "VmFlags: rd wr"), Some(None));
        assert_eq!(reason("rw-p 00000000 00:00 0    [anon:arena]", "VmFlags: rd wr"), Some(None));
        let tables = "r--p 00002000 fe:00 77   /usr/lib/a b.so";
        assert_eq!(reason(tables, "Swap: 60 kB\nVmFlags: rd"), Some(None));
        assert_eq!(reason(tables, "Swap: 56 kB\nVmFlags: rd"), Some(Some(SkipReason::Few)));
        assert_eq!(reason("rw-s 00000000 00:00 0 ", "VmFlags: rd wr sh"), None);
        assert_eq!(reason(plain, "Swap: 0 kB"), None, "no end");
        let skipped = [
            ("rw-p 00000000 00:00 0    [stack]", "", SkipReason::Stack),
            ("r--p 00000000 00:00 0    [vvar]", "", SkipReason::Device),
            ("rw-p 00000000 00:0d 1042 anon_inode:[x]", "", SkipReason::Device),
            ("---p 00000000 00:00 0 ", "", SkipReason::NotReadable),
            ("--xp 00000000 00:00 0 ", "", SkipReason::NotReadable),
            (plain, "ProtectionKey: 3\n", SkipReason::ProtectionKey),
        ];
        for (head, lines, expected) in skipped {
            assert_eq!(reason(head, &format!("{lines}VmFlags: rd")), Some(Some(expected)), "{head} {lines}");
        }
        for (flag, expected) in LEFT_ALONE {
            let flag = str::from_utf8(flag).expect("two letters");
            assert_eq!(reason(plain, &format!("VmFlags: rd wr {flag} ")), Some(Some(expected)), "{flag}");
        }
    }

    #[test]
    fn rings_are_seen() {
        assert!(writes_by_itself(b"1000-2000 rw-s 00000000 00:0f 99   anon_inode:[io_uring]"));
        assert!(writes_by_itself(b"1000-2000 rw-s 00000000 00:12 99   /[aio] (deleted)"));
        assert!(!writes_by_itself(b"1000-2000 rw-s 00000000 00:12 99   /x/[aio]"));
    }

    #[test]
    fn lines_of_a_file_longer_than_the_buffer() {
        let own = Lines::of("/proc/self/smaps").expect("a file").count().expect("lines");
        assert!(own > 100);
        assert_eq!(Lines::of("/proc/self/comm").expect("a file").count(), Ok(1));
    }
}
