//! The command's standard input for many sandboxes: each reads all of it, from the beginning.

use std::io::{self, IsTerminal, PipeWriter, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use nix::errno::Errno;
use nix::sys::stat::{SFlag, fstat};
use zeroboot::Input;

use crate::failure::Failure;

/// What has been read so far is kept for those that begin later.
pub(crate) struct SharedInput {
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Default)]
struct Progress {
    bytes: Vec<u8>,
    is_complete: bool,
    failure: Option<io::Error>,
}

/// How much is copied at a time, in bytes.
const PIECE: usize = 1 << 16;

impl SharedInput {
    /// Starts to read. `None` where there is nothing to read, as from the null device.
    ///
    /// # Errors
    /// [`Failure`]: a terminal, which cannot be read twice, or what the kernel answers.
    pub(crate) fn standard() -> Result<Option<Self>, Failure> {
        let status = fstat(io::stdin())
            .map_err(|errno| Failure::stream("cannot use standard input", &errno.into()))?;
        if io::stdin().is_terminal() {
            return Err(Failure::new(
                "several sandboxes cannot share a terminal as standard input",
                "give the input by a file or a pipe, or none: </dev/null",
            ));
        }
        if SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT == SFlag::S_IFCHR {
            return Ok(None);
        }
        let state = Arc::<State>::default();
        let reader = Arc::clone(&state);
        // A pipe may never end, and no sandbox may read it: this thread then ends with the process.
        thread::spawn(move || reader.read_all());
        Ok(Some(Self { state }))
    }

    /// Runs this with an input that follows what is read.
    ///
    /// # Errors
    /// There is no pipe.
    pub(crate) fn feed<T>(&self, run: impl FnOnce(Input) -> T) -> Result<T, Errno> {
        let (reader, writer) =
            io::pipe().map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or_default()))?;
        let is_over = Mutex::new(false);
        Ok(thread::scope(|scope| {
            scope.spawn(|| self.state.write_to(writer, &is_over));
            let result = run(Input::From(OwnedFd::from(reader)));
            let progress = self.state.lock();
            *is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.state.changed.notify_all();
            drop(progress);
            result
        }))
    }

    /// Why the input ended early, if it did.
    pub(crate) fn failure(&self) -> Option<Failure> {
        let failure = self.state.lock().failure.take();
        failure.map(|error| Failure::stream("cannot read standard input", &error))
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_all(&self) {
        let mut piece = vec![0; PIECE];
        loop {
            let length = io::stdin().read(&mut piece);
            let mut progress = self.lock();
            match length {
                Ok(0) => progress.is_complete = true,
                Ok(length) => progress.bytes.extend_from_slice(&piece[..length]),
                Err(error) => (progress.is_complete, progress.failure) = (true, Some(error)),
            }
            self.changed.notify_all();
            if progress.is_complete {
                return;
            }
        }
    }

    fn write_to(&self, mut writer: PipeWriter, is_over: &Mutex<bool>) {
        let mut written = 0;
        while let Some(piece) = self.next_piece(written, is_over) {
            // A sandbox that has ended reads no more.
            if writer.write_all(&piece).is_err() {
                return;
            }
            written += piece.len();
        }
    }

    /// Waits for what comes after so many bytes; `None` at the end, of the input or of the run.
    fn next_piece(&self, written: usize, is_over: &Mutex<bool>) -> Option<Vec<u8>> {
        let waits = |progress: &mut Progress| {
            let is_over = *is_over.lock().unwrap_or_else(PoisonError::into_inner);
            progress.bytes.len() == written && !progress.is_complete && !is_over
        };
        let progress = self.changed.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner);
        let left = &progress.bytes[written..];
        (!left.is_empty()).then(|| left[..left.len().min(PIECE)].to_vec())
    }
}
