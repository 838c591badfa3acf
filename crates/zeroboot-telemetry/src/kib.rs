//! The unit of memory.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;

/// An amount of memory in units of 1,024 bytes, which is how the kernel counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kib(pub u64);

impl Kib {
    /// The whole units in `bytes`; a started one is dropped.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes / 1024)
    }

    /// The same amount in bytes; at most `u64::MAX`.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0.saturating_mul(1024)
    }

    /// How much more this is than `earlier`; zero when it is less.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

impl Add for Kib {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for Kib {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self(0), Add::add)
    }
}

impl fmt::Display for Kib {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} KiB", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Kib;

    #[test]
    fn bytes_and_back() {
        assert_eq!(Kib::from_bytes(4096), Kib(4));
        assert_eq!(Kib::from_bytes(4095), Kib(3));
        assert_eq!(Kib(4).bytes(), 4096);
        assert_eq!(Kib(u64::MAX).bytes(), u64::MAX);
    }

    #[test]
    fn sums_and_differences() {
        assert_eq!([Kib(1), Kib(2), Kib(3)].into_iter().sum::<Kib>(), Kib(6));
        assert_eq!(Kib(5).since(Kib(3)), Kib(2));
        assert_eq!(Kib(3).since(Kib(5)), Kib(0));
        assert_eq!(Kib(7).to_string(), "7 KiB");
    }
}
