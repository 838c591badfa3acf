//! Numbers from a seed, the same for ever: SplitMix64, written out here so that no version of a crate changes them.

/// A source of numbers.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// One of `from..=to`.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.number() % (to - from + 1)
    }

    /// Whether something happens that does so once in so many times.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.number().is_multiple_of(times)
    }

    /// One of these.
    pub(crate) fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.place(all.len())]
    }

    /// A place in a list of this length.
    #[expect(clippy::cast_possible_truncation, reason = "the remainder is below a length")]
    pub(crate) fn place(&mut self, length: usize) -> usize {
        (self.number() % length as u64) as usize
    }
}

/// The seed of one run. That of the first is the campaign's own, so that a run can be had again alone.
pub(crate) fn seed_of_run(campaign: u64, run: u64) -> u64 {
    if run == 0 { campaign } else { mix(campaign ^ mix(run.wrapping_mul(GOLDEN))) }
}

fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::{Chance, seed_of_run};

    #[test]
    fn the_numbers_are_those_of_the_published_algorithm() {
        let mut chance = Chance::new(1_234_567);
        let first: Vec<_> = (0..3).map(|_| chance.number()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn the_first_run_has_the_seed_of_the_campaign() {
        assert_eq!(seed_of_run(7, 0), 7);
        assert_ne!(seed_of_run(7, 1), seed_of_run(7, 2));
    }
}
