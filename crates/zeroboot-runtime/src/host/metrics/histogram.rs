//! How long something takes, counted in fixed buckets.
//!
//! Never here: a lock, or a time that is not a length.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Up to how many microseconds each bucket counts, that one included; the last bucket has no end. The shortest are for claims.
const BOUNDS_US: [u64; 23] = [
    10, 20, 50, 100, 200, 300, 500, 700, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000, 20_000, 50_000, 100_000,
    200_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000,
];

/// Counts lengths of time. Adding one is two additions.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    counts: [AtomicU64; BOUNDS_US.len() + 1],
    sum_ns: AtomicU64,
}

/// What was counted until a moment.
#[derive(Debug)]
pub(super) struct Buckets {
    counts: [u64; BOUNDS_US.len() + 1],
    pub(super) sum: Duration,
}

impl Histogram {
    pub(super) fn add(&self, time: Duration) {
        let bucket = BOUNDS_US.partition_point(|bound| Duration::from_micros(*bound) < time);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_ns.fetch_add(nanoseconds(time), Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Buckets {
        let counts = self.counts.each_ref().map(|count| count.load(Ordering::Relaxed));
        Buckets { counts, sum: Duration::from_nanos(self.sum_ns.load(Ordering::Relaxed)) }
    }
}

impl Buckets {
    /// How many there were in all.
    pub(super) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The bound of each bucket, and how many were not longer; the last is all, without a bound.
    pub(super) fn cumulative(&self) -> impl Iterator<Item = (Option<Duration>, u64)> {
        let bounds = BOUNDS_US.map(|bound| Some(Duration::from_micros(bound))).into_iter().chain([None]);
        let sums = self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        bounds.zip(sums)
    }
}

/// At most `u64::MAX` of them, which are centuries.
pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = Histogram::default();
        for us in [0, 100, 101, 10_000_000, 10_000_001] {
            histogram.add(Duration::from_micros(us));
        }
        let buckets = histogram.read();
        let sums: Vec<_> = buckets.cumulative().collect();
        assert_eq!(sums[0], (Some(Duration::from_micros(10)), 1));
        assert_eq!(sums[3], (Some(Duration::from_micros(100)), 2));
        assert_eq!(sums[4], (Some(Duration::from_micros(200)), 3));
        assert_eq!(sums[22], (Some(Duration::from_secs(10)), 4));
        assert_eq!(sums[23], (None, 5));
        assert_eq!(buckets.count(), 5);
        assert_eq!(buckets.sum, Duration::from_micros(20_000_202));
    }
}
