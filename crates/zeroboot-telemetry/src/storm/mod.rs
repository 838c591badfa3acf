//! Storms: bursts of page faults, each of which copies or zeroes a page.
//!
//! | module | does |
//! |---|---|
//! | `detector` | decides from a series of readings when a storm begins and when it has ended |
//! | `gate` | spares most readings, by what the whole machine has faulted meanwhile |
//! | `counter` | reads faults: of a process, of a cgroup, of the machine |
//! | `kind` | tells from what a process has got whether pages were copied or zeroed |
//!
//! The first two are pure: time and figures come from the caller. Never here: a thread, a clock, or what to do about a storm.
//!
//! ```
//! use std::time::Duration;
//!
//! use zeroboot_telemetry::storm::{Detector, Event, Limits, Reading};
//!
//! let mut detector = Detector::new(Limits::default());
//! let at = |ms, faults| Reading { at: Duration::from_millis(ms), faults };
//! assert_eq!(detector.observe(at(0, 0)), None);
//! assert_eq!(detector.observe(at(20, 4_000)), None);
//! let event = detector.observe(at(40, 12_000));
//! assert!(matches!(event, Some(Event::Began { faults: 12_000, .. })));
//! ```

mod counter;
mod detector;
mod gate;
mod kind;

pub use counter::{CountError, FaultCounter, MachineFaults};
pub use detector::{Detector, Event, FaultRate, Limits, Pace, Reading};
pub use gate::GatedDetector;
pub use kind::Kind;
