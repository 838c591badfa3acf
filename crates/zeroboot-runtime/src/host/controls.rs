//! The sockets by which the processes of a template are asked for sandboxes, and what they say over them before they serve.
//!
//! Never here: a word of a sandbox.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tracing::{debug, error};
use zeroboot_fork::fd::{self, Waiting};

use super::error::BuildError;
use super::ready::Ready;
use super::recipe::Recipe;
use crate::protocol::{FromTemplate, FromWarden, TEXT_LIMIT, WithRemedy};

/// How much of what a warm-up prints is kept, in bytes: its end.
const SAID_LIMIT: usize = 16 * 1024;

/// One socket for each process of a template that serves.
#[derive(Debug)]
pub(super) struct Controls {
    /// At least one: that of the first process.
    sockets: Vec<OwnedFd>,
    /// How many requests there were.
    asked: AtomicUsize,
}

impl Controls {
    /// Where the next request goes: each process gets as many.
    pub(super) fn next(&self) -> BorrowedFd<'_> {
        let turn = self.asked.fetch_add(1, Ordering::Relaxed);
        self.sockets[turn % self.sockets.len()].as_fd()
    }
}

/// A template that is being built.
pub(super) struct Hearing<'a> {
    recipe: &'a Recipe,
    warden: BorrowedFd<'a>,
    sockets: Vec<OwnedFd>,
    /// Which of them have not said that they serve.
    silent: Vec<usize>,
    /// What is known of the memory of those that have.
    ready: Option<Ready>,
    /// The end of what the warm-up has printed.
    said: Vec<u8>,
}

impl<'a> Hearing<'a> {
    /// Of a template whose first process is at the other end of this socket.
    pub(super) fn new(recipe: &'a Recipe, warden: BorrowedFd<'a>, first: OwnedFd) -> Self {
        Self { recipe, warden, sockets: vec![first], silent: vec![0], ready: None, said: Vec::new() }
    }

    /// Waits until all processes serve, and keeps what the warm-up prints meanwhile.
    pub(super) fn await_serving(mut self, output: OwnedFd) -> Result<(Controls, Ready), BuildError> {
        let deadline = Instant::now() + self.recipe.patience;
        let mut output = File::from(output);
        let mut printing = true;
        loop {
            if self.all_serve()
                && let Some(ready) = self.ready.take()
            {
                return Ok((Controls { sockets: self.sockets, asked: AtomicUsize::new(0) }, ready));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(BuildError::TooSlow(self.recipe.patience));
            }
            let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
            let mut sources = vec![readable(self.warden)];
            sources.extend(self.silent.iter().map(|process| readable(self.sockets[*process].as_fd())));
            sources.extend(printing.then(|| readable(output.as_fd())));
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(&mut sources, timeout) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(BuildError::talk("template")(errno)),
            }
            let happened: Vec<bool> = sources.iter().map(|source| source.any() == Some(true)).collect();
            let processes = &happened[1..=self.silent.len()];
            if printing && happened.last() == Some(&true) {
                printing = self.keep(&mut output);
            } else if let Some(place) = processes.iter().position(|it| *it) {
                if self.hear(place)? == Heard::Nothing {
                    self.hear_the_last()?;
                }
            } else if happened[0] {
                self.hear_the_last()?;
            }
        }
    }

    fn all_serve(&self) -> bool {
        self.silent.is_empty() && self.sockets.len() == usize::from(self.recipe.processes.get())
    }

    /// Reads a word of one of those that were silent.
    fn hear(&mut self, place: usize) -> Result<Heard, BuildError> {
        let process = self.silent[place];
        let mut packet = vec![0; 1 + TEXT_LIMIT];
        let mut receive = || fd::receive(self.sockets[process].as_fd(), &mut packet, Waiting::DontWait);
        let received = match receive() {
            // It left its setup unread. That is told once, before the words that are still there.
            Err(Errno::ECONNRESET) => receive(),
            received => received,
        };
        let received = match received {
            Err(Errno::EAGAIN) => return Ok(Heard::Nothing),
            received => received.map_err(BuildError::talk("template"))?,
        };
        match FromTemplate::decode(&packet[..received.length]) {
            Some(FromTemplate::Twin) => {
                let socket = received.fds.exactly();
                let [socket] = socket.ok_or_else(|| BuildError::talk("template")(Errno::EBADMSG))?;
                self.silent.push(self.sockets.len());
                self.sockets.push(socket);
            }
            Some(FromTemplate::Serving(memory)) => {
                self.silent.swap_remove(place);
                self.ready = Some(match self.ready.take() {
                    None => Ready::told(memory),
                    Some(ready) => ready.and_of_another(memory),
                });
                if self.all_serve() && !self.said.is_empty() {
                    debug!(said = %self.said(), "what the warm-up printed");
                }
            }
            Some(FromTemplate::WarmUp(text)) => {
                let (searched, said) = (self.recipe.searched(), self.said());
                return Err(BuildError::WarmUp { cause: last_line(&text), text, searched, said });
            }
            Some(FromTemplate::WarmFile(text)) => {
                let path = self.recipe.warm_file().unwrap_or_default();
                let said = self.said();
                return Err(BuildError::WarmCode { path, cause: last_line(&text), text, said });
            }
            Some(FromTemplate::Unsafe(findings)) => {
                return Err(BuildError::unsafe_to_fork(findings.trim()));
            }
            Some(FromTemplate::Seal(cause)) => {
                error!(cause, "the template cannot be sealed");
                return Err(BuildError::Seal(cause));
            }
            // It has ended.
            None if received.length == 0 => return Ok(Heard::Nothing),
            None => return Err(BuildError::talk("template")(Errno::EBADMSG)),
        }
        Ok(Heard::Word)
    }

    /// Where one of them has ended, or the warden speaks: a word of the template may have come just before, and says more than the
    /// warden's.
    fn hear_the_last(&mut self) -> Result<(), BuildError> {
        let word = warden_says(self.warden)?;
        let mut place = 0;
        while place < self.silent.len() {
            if self.hear(place)? == Heard::Nothing {
                place += 1;
            }
        }
        if self.all_serve() {
            return Ok(());
        }
        Err(match word {
            FromWarden::TemplateEnded(how) => BuildError::Died { how, said: self.said() },
            FromWarden::Failed(text) => BuildError::Warden(text),
            FromWarden::NoDirectory(WithRemedy { cause, remedy }) => BuildError::Directory { cause, remedy },
            FromWarden::Unshared(_) | FromWarden::NoGroup(_) => BuildError::talk("warden")(Errno::EBADMSG),
        })
    }

    /// Reads once, passes it on, and keeps the end of all that was read; whether there may be more.
    fn keep(&mut self, output: &mut File) -> bool {
        let mut piece = [0; 4096];
        match output.read(&mut piece) {
            Ok(0) | Err(_) => false,
            Ok(length) => {
                if let Some(to) = &self.recipe.output {
                    // The warm-up goes on, whether or not somebody can read what it prints.
                    let _ = (&*to).write_all(&piece[..length]);
                }
                self.said.extend_from_slice(&piece[..length]);
                self.said.drain(..self.said.len().saturating_sub(SAID_LIMIT));
                true
            }
        }
    }

    /// Nothing where it was passed on.
    fn said(&self) -> String {
        if self.recipe.output.is_some() {
            return String::new();
        }
        String::from_utf8_lossy(&self.said).trim().to_owned()
    }
}

/// Whether a process had something to say; it may have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Word,
    Nothing,
}

fn last_line(text: &str) -> String {
    text.trim().lines().last().unwrap_or("without a word").to_owned()
}

/// The warden's next word.
pub(super) fn warden_says(warden: BorrowedFd<'_>) -> Result<FromWarden, BuildError> {
    let mut packet = vec![0; 1 + TEXT_LIMIT];
    let length =
        fd::receive_bytes(warden, &mut packet, Waiting::Block).map_err(BuildError::talk("warden"))?;
    FromWarden::decode(&packet[..length])
        .ok_or_else(|| BuildError::Warden("the warden ended without a word".to_owned()))
}
