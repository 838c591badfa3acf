//! What a storm has left behind: copies of what the template had, or fresh memory.

use crate::kib::Kib;

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
    /// Tells it from the memory that a process has gained by so many faults, each of a page of `page` bytes: copied and
    /// zeroed. `None` when that explains less than half of them: what was given back in between leaves no trace.
    #[must_use]
    pub fn of(copied: Kib, zeroed: Kib, faults: u64, page: u64) -> Option<Self> {
        let all = Kib::from_bytes(faults.saturating_mul(page));
        let kind = if copied > zeroed { Self::Copies } else { Self::Zeroes };
        (copied + zeroed >= Kib(all.0 / 2)).then_some(kind)
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
        assert_eq!(Kind::of(Kib(900), Kib(100), 250, 4096), Some(Kind::Copies));
        assert_eq!(Kind::of(Kib(100), Kib(900), 250, 4096), Some(Kind::Zeroes));
        assert_eq!(Kind::of(Kib(400), Kib(99), 250, 4096), None);
        assert_eq!(Kind::of(Kib(0), Kib(0), 250, 4096), None);
    }
}
