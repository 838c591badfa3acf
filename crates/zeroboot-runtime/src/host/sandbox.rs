//! One sandbox: asking a template for it, waiting until it is ready, and the handle of one that waits for its run.
//!
//! Never here: what is said to its process and heard of it.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{Mode, fchmod};
use tracing::debug_span;
use zeroboot_fork::{fd, monotonic_ns};
use zeroboot_isolation::seal::Seal;

use super::error::{RunError, SpawnError};
use super::generation::Generation;
use super::live::Live;
use super::metrics::Ending;
use super::outcome::Outcome;
use super::request::{Input, Request};
use super::run;
use crate::protocol::{SPAWN_REQUEST, When};

/// A sandbox that is ready for one run. It ends when its handle is dropped.
#[derive(Debug)]
pub struct Sandbox {
    pub(super) live: Live,
    /// Open only if it has a standard input.
    pub(super) stdin: Option<OwnedFd>,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
}

/// Which standard input a sandbox gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WantsInput {
    Yes,
    No,
}

/// What becomes of the files that a sandbox writes into its working directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Files {
    /// They are gone with it.
    Gone,
    /// The host gets them when everything in it has ended.
    Kept,
}

impl Files {
    /// What a request wants.
    pub(super) fn of(request: &Request) -> Self {
        if request.collect.is_some() { Self::Kept } else { Self::Gone }
    }
}

/// What a sandbox gets to read from the beginning.
#[derive(Debug, Clone)]
pub(super) enum First {
    /// Nothing.
    Nothing,
    /// Its job, in packets.
    Job(Vec<Vec<u8>>),
    /// What it runs ahead of its job, in packets.
    Ahead(Vec<Vec<u8>>),
}

impl From<&Input> for WantsInput {
    fn from(input: &Input) -> Self {
        if matches!(input, Input::Empty) { Self::No } else { Self::Yes }
    }
}

impl Sandbox {
    /// Asks a template for one; does not wait for it. `Ok(None)`: the template is gone.
    pub(super) fn ask(
        generation: &Arc<Generation>,
        input: WantsInput,
        first: First,
        files: Files,
    ) -> Result<Option<Self>, SpawnError> {
        let _span = debug_span!("ask").entered();
        let asked = monotonic_ns();
        let resource = |what| move |source| SpawnError::Resource { what, source };
        let pipe = || nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(resource("a pipe"));
        let (far_in, stdin) = match input {
            WantsInput::Yes => {
                let (far, near) = pipe()?;
                let_its_user_open(&far).map_err(resource("a pipe that its user opens"))?;
                do_not_block(&near).map_err(resource("a pipe that does not block"))?;
                (far, Some(near))
            }
            WantsInput::No => {
                let null = open("/dev/null", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
                (null.map_err(resource("an empty standard input"))?, None)
            }
        };
        let (stdout, far_out) = pipe()?;
        let (stderr, far_err) = pipe()?;
        for far in [&far_out, &far_err] {
            let_its_user_open(far).map_err(resource("a pipe that its user opens"))?;
        }
        let (channel, far_channel) = fd::pair().map_err(resource("a channel"))?;
        let (report, far_report) = fd::pair().map_err(resource("a report socket"))?;
        // The sandbox reaches the other ends, and through /proc the same pipes: it must not be able to hold up a reader.
        for (near, what) in [
            (&stdout, "a standard output that does not block"),
            (&stderr, "a standard error that does not block"),
            (&channel, "a channel that does not block"),
        ] {
            do_not_block(near).map_err(resource(what))?;
        }

        let mut live = Live::new(generation, channel, report, asked, first);
        live.flush()?;
        if files == Files::Kept {
            live.keep_files()?;
        }
        let far = [&far_in, &far_out, &far_err, &far_channel, &far_report].map(AsFd::as_fd);
        match fd::send(generation.control(), &SPAWN_REQUEST, &far) {
            Ok(()) => {
                generation.wear().forked();
                Ok(Some(Self { live, stdin, stdout, stderr }))
            }
            Err(Errno::EPIPE | Errno::ECONNRESET) => Ok(None),
            Err(errno) => Err(SpawnError::Talk(errno)),
        }
    }

    /// Waits until it is hardened, its seal is read, and what was to run ahead has run.
    pub(super) fn await_ready(&mut self, patience: Duration) -> Result<(), SpawnError> {
        let _span = debug_span!("await_ready").entered();
        let deadline = Instant::now() + patience;
        while !self.live.is_ready() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(SpawnError::TooSlow(patience));
            }
            let Some(report) = &self.live.report else {
                return Err(if self.live.exit.is_some() {
                    SpawnError::Died
                } else {
                    SpawnError::TemplateDied
                });
            };
            let mut sources = vec![PollFd::new(report.as_fd(), PollFlags::POLLIN)];
            sources.extend(self.live.channel_waits_for());
            match poll(&mut sources, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(SpawnError::Talk(errno)),
            }
            let report = sources[0].any() == Some(true);
            let channel = sources.get(1).is_some_and(|source| source.any() == Some(true));
            if report {
                self.live.read_report()?;
            }
            if channel {
                self.live.read_channel()?;
            }
        }
        Ok(())
    }

    /// What holds it, read from outside.
    #[must_use]
    pub fn seal(&self) -> Option<&Seal> {
        self.live.seal()
    }

    /// Runs a request to its end. A sandbox runs one; nothing of it is used again.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn run(mut self, mut request: Request) -> Result<Outcome, RunError> {
        self.live.ends_as(Ending::Failed);
        // Whoever has it has waited for its seal.
        let packets = std::mem::take(&mut request.job).packets(When::AtOnce).map_err(SpawnError::from)?;
        if Files::of(&request) == Files::Kept {
            self.live.keep_files()?;
        }
        self.live.send_job(packets)?;
        run::drive(self, request)
    }
}

/// Lets every user that holds a new pipe open it once more by its place in `/proc`, as `/dev/stdout` does: the sandbox is
/// another user than its maker. A pipe has no name by which others could find it.
fn let_its_user_open(pipe: &OwnedFd) -> Result<(), Errno> {
    fchmod(pipe, Mode::from_bits_truncate(0o666))
}

/// For a new pipe or socket, which has no other flag that could be lost.
fn do_not_block(fd: &OwnedFd) -> Result<(), Errno> {
    fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map(drop)
}
