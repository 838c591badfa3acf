//! What a sandbox is to its pool while it is parked, and how it becomes one that was asked for.
//!
//! Never here: a word to the sandbox. It gets its job when it is run.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use zeroboot_fork::monotonic_ns;

use crate::host::error::SpawnError;
use crate::host::generation::Generation;
use crate::host::metrics::{Ending, Flight};
use crate::host::sandbox::Sandbox;

impl Sandbox {
    /// Whether this generation has made it.
    pub(super) fn is_of(&self, generation: &Arc<Generation>) -> bool {
        Arc::ptr_eq(&self.live.generation, generation)
    }

    /// Whether it still waits for its job, as far as is known. What its report says otherwise is for its run to tell.
    pub(super) fn is_waiting(&mut self) -> bool {
        self.live.read_report().is_ok() && self.live.report.is_some() && self.live.exit.is_none()
    }

    /// From now on it waits in a pool.
    pub(super) fn wait_in_pool(&self) {
        if let Some(resident) = &self.live.resident {
            resident.park(monotonic_ns());
        }
    }

    /// Makes a parked sandbox one that was asked for at this time, as [`monotonic_ns`] has it.
    pub(super) fn claim(&mut self, asked: u64, mut flight: Flight) {
        // Unless it is run.
        flight.ends_as(Ending::Cancelled);
        self.live.flight = Some(flight);
        if let Some(resident) = &self.live.resident {
            resident.claim(asked);
        }
        self.live.asked = asked;
        self.live.claimed = Some(Duration::from_nanos(monotonic_ns().saturating_sub(asked)));
    }

    /// Waits until everything of it is gone.
    pub(super) fn await_end(&mut self, patience: Duration) -> Result<(), SpawnError> {
        let deadline = Instant::now() + patience;
        while let Some(report) = &self.live.report {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(SpawnError::TooSlow(patience));
            }
            let mut source = [PollFd::new(report.as_fd(), PollFlags::POLLIN)];
            match poll(&mut source, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
                Ok(_) | Err(Errno::EINTR) => self.live.read_report()?,
                Err(errno) => return Err(SpawnError::Talk(errno)),
            }
        }
        Ok(())
    }
}
