//! The faults of one sandbox, and what they have told.
//!
//! Shared by its run and the look-out, each of which holds it for one reading at most. Never here: what is done about it.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};
use tracing::warn;
use zeroboot_fork::monotonic_ns;
use zeroboot_telemetry::storm::{CountError, Event, FaultCounter, GatedDetector, Limits, Reading};

use crate::host::lock;
use crate::words;

/// A sandbox whose faults are looked at.
#[derive(Debug)]
pub(in crate::host) struct Watched {
    state: Mutex<State>,
    /// Readable when there are events.
    alarm: EventFd,
}

#[derive(Debug)]
struct State {
    /// `None` when there is nothing to be read any more.
    counter: Option<FaultCounter>,
    detector: GatedDetector,
    events: Vec<Event>,
}

impl Watched {
    /// One that is read for the first time now. `start` is when it had had no faults yet, if that is known.
    pub(super) fn new(
        counter: FaultCounter,
        limits: Limits,
        start: Option<Duration>,
    ) -> Result<Arc<Self>, Errno> {
        let alarm = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        let mut detector = GatedDetector::new(limits);
        if let Some(at) = start {
            let _ = detector.observe(Reading { at, faults: 0 }, None);
        }
        let state = State { counter: Some(counter), detector, events: Vec::new() };
        let watched = Self { state: Mutex::new(state), alarm };
        watched.look(None);
        Ok(Arc::new(watched))
    }

    /// Reads its faults, unless those of the machine say that there is nothing to be learnt from them.
    pub(in crate::host) fn look(&self, machine: Option<Reading>) {
        let mut state = self.lock();
        if !state.detector.wants_reading(machine) {
            return;
        }
        let faults = match state.counter.as_ref().map(FaultCounter::read) {
            None => return,
            Some(Ok(faults)) => faults,
            Some(Err(error)) => {
                state.counter = None;
                if !is_end(&error) {
                    warn!(error = words::of(&error), "a sandbox is no longer watched");
                }
                return;
            }
        };
        if let Some(event) = state.detector.observe(Reading { at: now(), faults }, machine) {
            state.events.push(event);
            // It fails only when its number is at its end, and the run is awake then.
            let _ = self.alarm.write(1);
        }
    }

    /// What tells that there are events.
    pub(super) fn alarm(&self) -> BorrowedFd<'_> {
        self.alarm.as_fd()
    }

    /// What has happened since this was asked last.
    pub(super) fn take_events(&self) -> Vec<Event> {
        // Without an alarm there is nothing to be read.
        let _ = self.alarm.read();
        std::mem::take(&mut self.lock().events)
    }

    /// What else has happened; the sandbox is gone.
    pub(super) fn finish(&self) -> Vec<Event> {
        let mut state = self.lock();
        state.counter = None;
        let end = state.detector.finish();
        state.events.extend(end);
        std::mem::take(&mut state.events)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// The time that all readings share.
pub(super) fn now() -> Duration {
    Duration::from_nanos(monotonic_ns())
}

fn is_end(error: &CountError) -> bool {
    matches!(error, CountError::Gone(_))
}
