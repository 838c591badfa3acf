//! The look-out: one thread of the host for all its sandboxes, whatever templates they are of.
//!
//! It reads the faults of the machine first: while those are few, nobody else's are read. Never here: what is done about a
//! storm. The run is woken for that.

use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Duration;

use tracing::debug;
use zeroboot_telemetry::storm::{MachineFaults, Reading};

use super::PERIOD;
use super::watched::{Watched, now};
use crate::host::lock;
use crate::words;

/// How long the thread stays when there is nobody left.
const LINGER: Duration = Duration::from_secs(1);

struct Enrolled {
    new: Vec<Weak<Watched>>,
    is_running: bool,
}

/// Held for a few instructions.
static ENROLLED: Mutex<Enrolled> = Mutex::new(Enrolled { new: Vec::new(), is_running: false });
static NEWS: Condvar = Condvar::new();

/// Has a sandbox looked at for as long as somebody else holds it.
pub(super) fn enrol(watched: &Arc<Watched>) -> Result<(), std::io::Error> {
    let mut enrolled = lock(&ENROLLED);
    enrolled.new.push(Arc::downgrade(watched));
    if enrolled.is_running {
        drop(enrolled);
        NEWS.notify_one();
        return Ok(());
    }
    enrolled.is_running = true;
    drop(enrolled);
    let thread = std::thread::Builder::new().name("zeroboot-storms".to_owned());
    thread.spawn(look_out).map(drop).inspect_err(|_| lock(&ENROLLED).is_running = false)
}

fn look_out() {
    let machine = MachineFaults::open();
    if let Err(error) = &machine {
        debug!(error = words::of(error), "each sandbox is watched by itself");
    }
    let mut watched: Vec<Weak<Watched>> = Vec::new();
    loop {
        let mut enrolled = lock(&ENROLLED);
        watched.append(&mut enrolled.new);
        if watched.is_empty() {
            let (after, wait) = NEWS.wait_timeout(enrolled, LINGER).unwrap_or_else(PoisonError::into_inner);
            enrolled = after;
            if wait.timed_out() && enrolled.new.is_empty() {
                enrolled.is_running = false;
                return;
            }
            continue;
        }
        drop(enrolled);
        std::thread::sleep(PERIOD);
        // Before those of any sandbox.
        let at = now();
        let machine = machine.as_ref().ok().and_then(|machine| machine.read().ok());
        let machine = machine.map(|faults| Reading { at, faults });
        watched.retain(|watched| watched.upgrade().inspect(|watched| watched.look(machine)).is_some());
    }
}
