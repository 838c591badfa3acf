//! What a storm has left behind: copies of what the template had, or fresh memory.

use crate::kib::Kib;
use crate::pagemap::page_size;

/// What most faults of a storm were for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// To copy pages that were shared with the template.
    Copies,
    /// For fresh memory, which the kernel zeroes.
    Zeroes,
}

impl Kind {
    /// Tells it from the memory that a process has gained by so many faults: copied and zeroed. `None` when that explains
    /// less than half of them, or there were none: what was given back in between leaves no trace.
    #[must_use]
    pub fn of(copied: Kib, zeroed: Kib, faults: u64) -> Option<Self> {
        let half = Kib::from_bytes((faults / 2).saturating_mul(page_size()));
        let kind = if copied > zeroed { Self::Copies } else { Self::Zeroes };
        (half > Kib(0) && copied + zeroed >= half).then_some(kind)
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Copies => "copies",
            Self::Zeroes => "zeroes",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_part_tells_the_kind_if_there_is_enough_of_it() {
        let kib = |pages| Kib::from_bytes(pages * page_size());
        assert_eq!(Kind::of(kib(225), kib(25), 250), Some(Kind::Copies));
        assert_eq!(Kind::of(kib(25), kib(225), 250), Some(Kind::Zeroes));
        assert_eq!(Kind::of(kib(100), kib(24), 250), None);
        assert_eq!(Kind::of(kib(0), kib(0), 250), None);
        assert_eq!(Kind::of(kib(0), kib(9), 0), None);
    }
}
