//! Copying a sandbox's streams: bounded, one piece at a time, and never blocking on either side.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use zeroboot_fork::monotonic_ns;

use super::request::{Input, Output};

/// The most that is held of a stream, in bytes.
const PIECE: usize = 64 * 1024;

/// What a pipe or terminal that is ready takes without blocking (`PIPE_BUF`, see `pipe(7)`).
const SAFE_WRITE: usize = 4096;

/// What one step of a pump has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moved {
    /// So many bytes came from the sandbox.
    In(usize),
    /// Something else.
    Other,
}

/// A stream from the sandbox.
#[derive(Debug)]
pub(super) struct FromSandbox {
    /// It does not block: the sandbox can take out of the pipe what poll has seen in it.
    source: Option<File>,
    writers: Writers,
    target: Target,
    first: Option<u64>,
}

/// Who can still write into a stream from a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writers {
    /// Somebody in the sandbox, until the end of file.
    Some,
    /// Nobody: what is not in the pipe by now does not come, even if its other end is still open.
    Gone,
}

#[derive(Debug)]
enum Target {
    Collect(Vec<u8>),
    Pass { file: File, at_once: usize, pending: Vec<u8>, done: usize },
}

impl FromSandbox {
    /// `source` must not block.
    pub(super) fn new(source: OwnedFd, output: Output) -> Result<Self, Errno> {
        let target = match output {
            Output::Collect => Target::Collect(Vec::new()),
            Output::To(fd) => {
                let kind = nix::sys::stat::fstat(&fd)?.st_mode & nix::libc::S_IFMT;
                let at_once = if kind == nix::libc::S_IFREG { PIECE } else { SAFE_WRITE };
                Target::Pass { file: fd.into(), at_once, pending: Vec::new(), done: 0 }
            }
        };
        Ok(Self { source: Some(source.into()), writers: Writers::Some, target, first: None })
    }

    /// What it waits for; `None` when it is at its end.
    pub(super) fn waits_for(&self) -> Option<PollFd<'_>> {
        match (&self.target, &self.source) {
            (Target::Pass { file, pending, .. }, _) if !pending.is_empty() => {
                Some(PollFd::new(file.as_fd(), PollFlags::POLLOUT))
            }
            (_, Some(source)) => Some(PollFd::new(source.as_fd(), PollFlags::POLLIN)),
            (_, None) => None,
        }
    }

    /// When its first byte came, in nanoseconds of `CLOCK_MONOTONIC`.
    pub(super) fn first(&self) -> Option<u64> {
        self.first
    }

    /// Everything in the sandbox is gone: what is still in the pipe is the end of the stream.
    pub(super) fn writers_are_gone(&mut self) {
        self.writers = Writers::Gone;
    }

    /// Whether it can do something without waiting: it looks for the end of the stream.
    pub(super) fn is_at_its_last(&self) -> bool {
        self.writers == Writers::Gone && self.source.is_some() && !self.is_held_up()
    }

    /// Whether it waits for the host's side only.
    pub(super) fn is_held_up(&self) -> bool {
        matches!(&self.target, Target::Pass { pending, .. } if !pending.is_empty())
    }

    /// Does what it waited for. Keeps no more than `limit` bytes of what comes.
    pub(super) fn step(&mut self, limit: u64) -> Result<Moved, Errno> {
        if let Target::Pass { file, at_once, pending, done } = &mut self.target
            && !pending.is_empty()
        {
            let end = pending.len().min(*done + *at_once);
            match file.write(&pending[*done..end]) {
                Ok(written) => *done += written,
                Err(error) if is_transient(&error) => {}
                // Nobody reads any more: the sandbox shall feel it as any program does.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                    self.source = None;
                    *done = pending.len();
                }
                Err(error) => return Err(errno(&error)),
            }
            if *done == pending.len() {
                pending.clear();
                *done = 0;
            }
            return Ok(Moved::Other);
        }
        let Some(source) = &mut self.source else { return Ok(Moved::Other) };
        let mut piece = [0; PIECE];
        let length = match source.read(&mut piece) {
            Ok(0) => {
                self.source = None;
                return Ok(Moved::Other);
            }
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock && self.writers == Writers::Gone => {
                self.source = None;
                return Ok(Moved::Other);
            }
            Err(error) if is_transient(&error) => return Ok(Moved::Other),
            Err(error) => return Err(errno(&error)),
        };
        self.first.get_or_insert_with(monotonic_ns);
        let kept = &piece[..length.min(usize::try_from(limit).unwrap_or(usize::MAX))];
        match &mut self.target {
            Target::Collect(bytes) => bytes.extend_from_slice(kept),
            Target::Pass { pending, .. } => pending.extend_from_slice(kept),
        }
        Ok(Moved::In(length))
    }

    /// What was collected.
    pub(super) fn into_collected(self) -> Vec<u8> {
        match self.target {
            Target::Collect(bytes) => bytes,
            Target::Pass { .. } => Vec::new(),
        }
    }
}

/// Standard input, into the sandbox.
#[derive(Debug, Default)]
pub(super) struct IntoSandbox {
    /// `None` once everything is written, or nobody reads.
    target: Option<File>,
    source: Option<File>,
    pending: Vec<u8>,
    done: usize,
}

impl IntoSandbox {
    /// `target` must not block.
    pub(super) fn new(target: Option<OwnedFd>, input: Input) -> Self {
        let target = target.map(File::from);
        match input {
            Input::Empty => Self::default(),
            Input::Bytes(pending) => Self { target, pending, ..Self::default() }.settled(),
            Input::From(source) => Self { target, source: Some(source.into()), ..Self::default() },
        }
    }

    pub(super) fn waits_for(&self) -> Option<PollFd<'_>> {
        let target = self.target.as_ref()?;
        match &self.source {
            Some(source) if self.pending.is_empty() => Some(PollFd::new(source.as_fd(), PollFlags::POLLIN)),
            _ => Some(PollFd::new(target.as_fd(), PollFlags::POLLOUT)),
        }
    }

    pub(super) fn step(&mut self) -> Result<(), Errno> {
        let Some(target) = &mut self.target else { return Ok(()) };
        if self.pending.is_empty() {
            if let Some(source) = &mut self.source {
                let mut piece = vec![0; PIECE];
                match source.read(&mut piece) {
                    Ok(0) => self.source = None,
                    Ok(length) => {
                        piece.truncate(length);
                        self.pending = piece;
                    }
                    Err(error) if is_transient(&error) => {}
                    Err(error) => return Err(errno(&error)),
                }
            }
        } else {
            match target.write(&self.pending[self.done..]) {
                Ok(written) => self.done += written,
                Err(error) if is_transient(&error) => {}
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                    self.target = None;
                    return Ok(());
                }
                Err(error) => return Err(errno(&error)),
            }
            if self.done == self.pending.len() {
                self.pending.clear();
                self.done = 0;
            }
        }
        *self = std::mem::take(self).settled();
        Ok(())
    }

    /// Closes the target once there is nothing left to write.
    fn settled(mut self) -> Self {
        if self.pending.is_empty() && self.source.is_none() {
            self.target = None;
        }
        self
    }
}

fn is_transient(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock)
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or_default())
}
