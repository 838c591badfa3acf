//! Which processes need not be read at all: one cannot have had more faults than the whole machine.
//!
//! Never here: a file, a clock, or what a storm is.

use super::detector::{Detector, Event, Limits, Reading};

/// Into how many parts a beginning storm is divided: so much of one may pass between two readings of a process.
const PARTS: u64 = 4;

/// A [`Detector`] that asks for a reading only when there is something to be learnt from it, by how many faults the machine
/// has had since the last one. Of a machine that is at rest no process is read, however many are watched.
///
/// A storm is seen at most a quarter of its faults later than it would be without.
#[derive(Debug, Clone)]
pub struct GatedDetector {
    detector: Detector,
    /// The last reading, and what the machine had had by then, as far as that is known.
    last: Option<(Reading, Option<u64>)>,
    /// The last moment at which nothing was read, and the most that the process can have had by then.
    passed: Option<Reading>,
}

impl GatedDetector {
    /// One that has read nothing.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self { detector: Detector::new(limits), last: None, passed: None }
    }

    /// Whether the process is to be read now. `machine` is a reading of the machine's faults, `None` where there is none.
    ///
    /// After *no* this moment is used up: the next reading is a later one.
    pub fn wants_reading(&mut self, machine: Option<Reading>) -> bool {
        let (Some((last, Some(before))), Some(machine)) = (self.last, machine) else { return true };
        let most = machine.faults.saturating_sub(before);
        let is_quiet = !self.detector.is_in_a_storm() && most < self.detector.limits().begin.faults / PARTS;
        if is_quiet {
            self.passed = Some(Reading { at: machine.at, faults: last.faults.saturating_add(most) });
        }
        !is_quiet
    }

    /// Takes a reading of the process. `machine` must have been read before it.
    pub fn observe(&mut self, now: Reading, machine: Option<Reading>) -> Option<Event> {
        if let Some(passed) = self.passed.take() {
            self.detector.assume(Reading { faults: passed.faults.min(now.faults), ..passed });
        }
        self.last = Some((now, machine.map(|machine| machine.faults)));
        self.detector.observe(now)
    }

    /// See [`Detector::finish`].
    pub fn finish(&mut self) -> Option<Event> {
        self.detector.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(ms: u64, faults: u64) -> Reading {
        Reading { at: Duration::from_millis(ms), faults }
    }

    #[test]
    fn a_machine_at_rest_spares_readings() {
        let mut gate = GatedDetector::new(Limits::default());
        assert!(gate.wants_reading(Some(at(0, 1_000))));
        assert_eq!(gate.observe(at(0, 5), Some(at(0, 1_000))), None);
        assert!(!gate.wants_reading(Some(at(10, 1_000))));
        assert!(!gate.wants_reading(Some(at(9_000, 3_000))));
        assert!(gate.wants_reading(Some(at(9_010, 3_560))));
        assert!(gate.wants_reading(None));
    }

    #[test]
    fn what_came_slowly_before_is_no_storm_and_what_comes_after_a_rest_is() {
        let mut gate = GatedDetector::new(Limits::default());
        assert_eq!(gate.observe(at(0, 0), Some(at(0, 0))), None);
        for second in 1..=4 {
            assert!(!gate.wants_reading(Some(at(1_000 * second, 500 * second))));
        }
        // 2,000 of the 11,900 may have come before.
        assert!(gate.wants_reading(Some(at(4_010, 11_900))));
        assert_eq!(gate.observe(at(4_010, 11_900), Some(at(4_010, 11_900))), None);
        assert!(gate.wants_reading(Some(at(4_020, 14_500))));
        let event = gate.observe(at(4_020, 14_500), Some(at(4_020, 14_500)));
        let Some(Event::Began { began, faults, .. }) = event else { panic!("{event:?}") };
        assert_eq!((began, faults), (Duration::from_secs(4), 12_500));
    }

    #[test]
    fn in_a_storm_it_is_read_until_the_end() {
        let mut gate = GatedDetector::new(Limits::default());
        assert_eq!(gate.observe(at(0, 0), Some(at(0, 0))), None);
        assert!(gate.observe(at(20, 11_000), Some(at(20, 11_000))).is_some());
        for tick in 3..22 {
            assert!(gate.wants_reading(Some(at(10 * tick, 11_000))));
            assert_eq!(gate.observe(at(10 * tick, 11_000), Some(at(10 * tick, 11_000))), None);
        }
        assert!(matches!(gate.observe(at(220, 11_000), Some(at(220, 11_000))), Some(Event::Ended { .. })));
        assert!(!gate.wants_reading(Some(at(230, 11_000))));
    }
}
