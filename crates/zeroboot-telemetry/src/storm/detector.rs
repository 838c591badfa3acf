//! When a storm begins, and when it has ended: a state machine on a series of readings.
//!
//! Never here: a clock, a file, an allocation.

use std::time::Duration;

/// So many faults within so much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pace {
    /// Page faults, minor and major.
    pub faults: u64,
    /// The time in which they come.
    pub within: Duration,
}

impl Pace {
    /// Whether so many faults in so much time are as fast. A longer time than this pace has counts by its average: some
    /// part of it was as fast then.
    fn is_reached_by(self, faults: u64, time: Duration) -> bool {
        self.is_average_of(faults, time.max(self.within))
    }

    /// Whether so many faults in so much time are as fast, however short that is.
    fn is_average_of(self, faults: u64, time: Duration) -> bool {
        let scaled = |faults: u64, time: Duration| u128::from(faults) * time.as_nanos();
        scaled(faults, self.within) >= scaled(self.faults, time)
    }
}

/// What a storm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limits {
    /// A storm begins when faults are at least as fast as this.
    pub begin: Pace,
    /// It has ended when they were slower than this for its whole time.
    pub end: Pace,
}

impl Default for Limits {
    /// Begins with 10,240 faults (40 MiB in pages of 4 KiB) within 100 ms, ends when 200 ms have had fewer than 2,048.
    fn default() -> Self {
        Self {
            begin: Pace { faults: 10_240, within: Duration::from_millis(100) },
            end: Pace { faults: 2048, within: Duration::from_millis(200) },
        }
    }
}

/// Faults per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FaultRate(pub u64);

impl FaultRate {
    /// The average of so many faults in so much time; zero of no time.
    #[must_use]
    pub fn of(faults: u64, time: Duration) -> Self {
        let per_second = u128::from(faults) * 1_000_000_000;
        let rate = per_second.checked_div(time.as_nanos()).unwrap_or_default();
        Self(u64::try_from(rate).unwrap_or(u64::MAX))
    }
}

/// How many faults there have been until a moment, which is counted from any moment that all readings share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// When.
    pub at: Duration,
    /// All faults until then.
    pub faults: u64,
}

/// What a reading has brought to light.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A storm has begun.
    Began {
        /// When: at the first reading within the time of [`Limits::begin`] that was followed by faults as fast as that.
        began: Duration,
        /// When that was known.
        seen: Duration,
        /// Faults in between.
        faults: u64,
        /// Their average.
        rate: FaultRate,
    },
    /// The storm has ended.
    Ended {
        /// When it had begun.
        began: Duration,
        /// How long it took, until the last reading that was not calm.
        duration: Duration,
        /// Faults in that time.
        faults: u64,
        /// The fastest average over an eighth of the time of [`Limits::begin`], or over the time between two readings if that
        /// is longer.
        peak: FaultRate,
    },
}

/// How many readings are remembered, and into how many parts they divide the time of [`Limits::begin`].
const KEPT: usize = 10;
const PARTS: u32 = 8;

/// Tells storms in a series of readings. It has a fixed size.
///
/// Readings may come at any distance. What happened between two of them is not known, and counts as little as it can: a
/// storm that is told of was one.
#[derive(Debug, Clone)]
pub struct Detector {
    limits: Limits,
    /// The last readings, around the end: the oldest follows the newest.
    kept: [Option<Kept>; KEPT],
    newest: usize,
    last: Option<Reading>,
    storm: Option<Storm>,
}

#[derive(Debug, Clone, Copy)]
struct Kept {
    reading: Reading,
    /// Since the one that was kept before it.
    rate: FaultRate,
}

#[derive(Debug, Clone, Copy)]
struct Storm {
    began: Reading,
    /// The last reading that was not calm.
    wild: Reading,
    peak: FaultRate,
}

impl Detector {
    /// One that has read nothing.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self { limits, kept: [None; KEPT], newest: 0, last: None, storm: None }
    }

    /// What a storm is.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// Whether a storm has begun, and has not ended.
    #[must_use]
    pub const fn is_in_a_storm(&self) -> bool {
        self.storm.is_some()
    }

    /// Takes the next reading. One that is older, or has fewer faults, than the one before is passed over.
    pub fn observe(&mut self, now: Reading) -> Option<Event> {
        if self.last.is_some_and(|last| now.at < last.at || now.faults < last.faults) {
            return None;
        }
        self.last = Some(now);
        let since = self.since(now);
        let rate = self.keep(now);
        let Some(storm) = &mut self.storm else {
            let since = since?;
            let is_fast = self.limits.begin.is_reached_by(now.faults - since.faults, now.at - since.at);
            return (is_fast && now.at > since.at).then(|| self.begin(since, now));
        };
        storm.peak = storm.peak.max(rate);
        let (faults, time) = (now.faults - storm.wild.faults, now.at - storm.wild.at);
        if self.limits.end.is_reached_by(faults, time) {
            storm.wild = now;
        }
        if time < self.limits.end.within || storm.wild == now {
            return None;
        }
        // What belonged to this storm begins no other.
        self.kept = [None; KEPT];
        self.keep(now);
        self.storm.take().map(Storm::ended)
    }

    /// A storm that was fast enough since this reading, and maybe faster since a later one.
    fn begin(&mut self, since: Reading, now: Reading) -> Event {
        let (mut began, mut peak) = (since, FaultRate::default());
        for Kept { reading, rate } in self.in_order().filter(|kept| kept.reading.at > since.at) {
            let is_fast =
                self.limits.begin.is_average_of(reading.faults - began.faults, reading.at - began.at);
            if peak == FaultRate::default() && !is_fast {
                began = reading;
            } else {
                peak = peak.max(rate);
            }
        }
        let faults = now.faults - began.faults;
        let rate = FaultRate::of(faults, now.at - began.at);
        self.storm = Some(Storm { began, wild: now, peak: peak.max(rate) });
        Event::Began { began: began.at, seen: now.at, faults, rate }
    }

    /// Remembers that there were no more faults than this at a moment since the last reading. Nothing comes of that by
    /// itself: it may be more than there were.
    pub(super) fn assume(&mut self, most: Reading) {
        self.keep(most);
    }

    /// There will be no more readings: the storm that has not ended ends with the last one.
    pub fn finish(&mut self) -> Option<Event> {
        let (storm, last) = (self.storm.take()?, self.last?);
        Some(Storm { wild: last, ..storm }.ended())
    }

    /// The reading from which on faults are counted: the oldest that is near enough, or else the newest one.
    fn since(&self, now: Reading) -> Option<Reading> {
        let is_near = |reading: &Reading| now.at - reading.at <= self.limits.begin.within;
        let mut readings = self.in_order().map(|kept| kept.reading);
        readings.find(is_near).or(self.kept[self.newest].map(|kept| kept.reading))
    }

    /// What is kept, the oldest first.
    fn in_order(&self) -> impl Iterator<Item = Kept> {
        (1..=KEPT).filter_map(|step| self.kept[(self.newest + step) % KEPT])
    }

    /// Keeps it, unless the newest that is kept is nearly as old; gives the rate since that one if it does.
    fn keep(&mut self, now: Reading) -> FaultRate {
        let newest = self.kept[self.newest].map(|kept| kept.reading);
        if newest.is_some_and(|newest| now.at - newest.at < self.limits.begin.within / PARTS) {
            return FaultRate::default();
        }
        let rate = newest.map(|newest| FaultRate::of(now.faults - newest.faults, now.at - newest.at));
        let rate = rate.unwrap_or_default();
        self.newest = (self.newest + 1) % KEPT;
        self.kept[self.newest] = Some(Kept { reading: now, rate });
        rate
    }
}

impl Storm {
    fn ended(self) -> Event {
        Event::Ended {
            began: self.began.at,
            duration: self.wild.at - self.began.at,
            faults: self.wild.faults - self.began.faults,
            peak: self.peak,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64, faults: u64) -> Reading {
        Reading { at: Duration::from_millis(ms), faults }
    }

    /// The events of a series, told apart by their first letter, and when they were seen.
    fn events(readings: impl IntoIterator<Item = Reading>) -> Vec<(char, u128)> {
        let mut detector = Detector::new(Limits::default());
        let mut event = |reading: Reading| {
            let letter = match detector.observe(reading)? {
                Event::Began { .. } => 'b',
                Event::Ended { .. } => 'e',
            };
            Some((letter, reading.at.as_millis()))
        };
        readings.into_iter().filter_map(&mut event).collect()
    }

    /// Readings of a process that has the given rates, in faults per millisecond, each for so many milliseconds.
    fn series(step: u64, parts: &[(u64, u64)]) -> Vec<Reading> {
        let (mut readings, mut time, mut faults) = (vec![at(0, 0)], 0, 0);
        for (rate, length) in parts {
            for _ in 0..length / step {
                time += step;
                faults += rate * step;
                readings.push(at(time, faults));
            }
        }
        readings
    }

    #[test]
    fn a_write_of_100_mb_is_seen_soon_and_ends() {
        // 25,600 faults of 2, 2.5 and 3.1 microseconds.
        for (rate, length, seen) in [(500, 50, 30), (400, 64, 30), (320, 80, 40)] {
            let found = events(series(10, &[(rate, length), (0, 1000)]));
            assert_eq!(found[0], ('b', seen), "{rate} a millisecond: {found:?}");
            assert_eq!((found[1].0, found.len()), ('e', 2), "{rate} a millisecond: {found:?}");
        }
    }

    #[test]
    fn what_is_slow_or_short_is_no_storm() {
        assert_eq!(events(series(10, &[(102, 60_000)])), []);
        assert_eq!(events(series(10, &[(500, 10), (0, 300), (500, 10), (0, 300)])), []);
        // 16 MiB at once, again and again.
        assert_eq!(events((0..100).map(|round| at(60 * round, 4096 * round))), []);
    }

    #[test]
    fn a_storm_that_calms_down_goes_on_until_it_is_calm() {
        let found = events(series(10, &[(400, 100), (15, 1000), (5, 1000)]));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!((1250..=1400).contains(&found[1].1), "{found:?}");
    }

    #[test]
    fn an_end_tells_the_whole_storm() {
        let mut detector = Detector::new(Limits::default());
        let ended = series(10, &[(0, 100), (400, 100), (0, 500)]).into_iter().find_map(|reading| {
            detector.observe(reading).filter(|event| matches!(event, Event::Ended { .. }))
        });
        let Some(Event::Ended { began, duration, faults, peak }) = ended else { panic!("{ended:?}") };
        let ms = Duration::from_millis;
        assert_eq!((began, duration, faults), (ms(100), ms(100), 40_000));
        assert_eq!(peak, FaultRate(400_000));
        assert_eq!(detector.finish(), None);
    }

    #[test]
    fn a_storm_without_an_end_ends_with_the_last_reading() {
        let mut detector = Detector::new(Limits::default());
        assert!(detector.observe(at(0, 0)).is_none());
        assert!(detector.observe(at(20, 11_000)).is_some() && detector.is_in_a_storm());
        assert!(detector.observe(at(30, 13_000)).is_none());
        let Some(Event::Ended { duration, faults, .. }) = detector.finish() else { panic!("no end") };
        assert_eq!((duration, faults), (Duration::from_millis(30), 13_000));
        assert!(!detector.is_in_a_storm());
    }

    #[test]
    fn readings_that_go_back_are_passed_over() {
        assert_eq!(events([at(10, 50_000), at(5, 90_000), at(20, 40_000), at(30, 50_001)]), []);
    }

    #[test]
    fn a_long_time_without_a_reading_counts_by_its_average() {
        assert_eq!(events([at(0, 0), at(1000, 102_000)]), []);
        assert_eq!(events([at(0, 0), at(1000, 103_000)]), [('b', 1000)]);
    }

    /// Numbers that look random and are the same in each run.
    fn numbers(mut state: u64) -> impl FnMut(u64) -> u64 {
        move |below| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        }
    }

    #[test]
    fn of_any_series_what_is_told_is_true_and_in_turn() {
        for seed in 0..500 {
            let mut number = numbers(seed);
            let mut detector = Detector::new(Limits::default());
            let mut readings = vec![at(0, 0)];
            let (mut time, mut faults, mut storm) = (0, 0, None);
            let factor = 1 + number(600);
            for _ in 0..400 {
                let longest = 1 + number(40);
                let step = 1 + number(longest);
                time += step;
                faults += step * number(factor);
                let now = at(time, faults);
                readings.push(now);
                match detector.observe(now) {
                    Some(Event::Began { began, seen, faults, .. }) => {
                        assert!(storm.is_none() && seen == now.at, "seed {seed}");
                        let first = readings.iter().rfind(|reading| reading.at == began).expect("a reading");
                        assert_eq!(faults, now.faults - first.faults, "seed {seed}");
                        let pace = Limits::default().begin;
                        assert!(pace.is_average_of(faults, now.at - first.at), "seed {seed}");
                        storm = Some(began);
                    }
                    Some(Event::Ended { began, duration, .. }) => {
                        assert_eq!(storm.take(), Some(began), "seed {seed}");
                        assert!(began + duration + Limits::default().end.within <= now.at, "seed {seed}");
                    }
                    None => {}
                }
            }
        }
    }

    #[test]
    fn whatever_comes_before_a_clear_storm_is_seen_in_its_time() {
        for seed in 0..500 {
            let mut number = numbers(seed);
            let mut detector = Detector::new(Limits::default());
            let (mut time, mut faults) = (0, 0);
            for _ in 0..number(200) {
                time += 1 + number(10);
                faults += number(40);
                assert_eq!(detector.observe(at(time, faults)), None, "seed {seed}");
            }
            let start = time;
            while !detector.is_in_a_storm() {
                let step = 1 + number(10);
                (time, faults) = (time + step, faults + 400 * step);
                detector.observe(at(time, faults));
                assert!(time - start <= 40, "seed {seed}");
            }
        }
    }
}
