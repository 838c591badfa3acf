//! Storms: bursts of page faults of one sandbox, and what is done about them.
//!
//! ```text
//! run:    10 ms in ─▶ opens a counter, enrols ──────────────▶ acts, tells the account
//! look-out (one thread for all): every 10 ms ─▶ reads, detects ─▶ wakes the run
//! ```
//!
//! | module | does |
//! |---|---|
//! | `lookout` | one run's part: when to begin, what to do about a storm, what to tell of it |
//! | `watched` | the faults of one sandbox, and what they have told |
//! | `thread` | looks at all that are enrolled |
//!
//! A run that is over within 10 ms has no part in any of this: so many faults do not fit into that time. The thread is there
//! while somebody is enrolled, and a second longer. Never here: what a storm is (that is the telemetry's), and asking the
//! sandbox.

mod lookout;
mod thread;
mod watched;

use std::time::Duration;

pub(super) use lookout::{Lookout, News};
pub(super) use watched::Watched;

/// How long after its start a sandbox is looked at first, and how often from then on.
const PERIOD: Duration = Duration::from_millis(10);
