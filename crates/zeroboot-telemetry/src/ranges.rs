//! Ascending ranges of addresses, and numbers in the kernel's texts. Nothing here allocates for longer than its result.

use std::ops::Range;

/// Adds a range at the end, as part of the last one where no more than `gap` lies between.
pub(crate) fn push(ranges: &mut Vec<Range<u64>>, range: Range<u64>, gap: u64) {
    match ranges.last_mut() {
        Some(last) if range.start <= last.end.saturating_add(gap) => last.end = last.end.max(range.end),
        _ => ranges.push(range),
    }
}

/// The parts of ascending ranges inside of another one.
pub(crate) fn overlap<'a>(
    ranges: &'a [Range<u64>],
    within: &'a Range<u64>,
) -> impl Iterator<Item = Range<u64>> + 'a {
    let first = ranges.partition_point(|range| range.end <= within.start);
    let near = ranges[first..].iter().take_while(|range| range.start < within.end);
    near.map(|range| range.start.max(within.start)..range.end.min(within.end))
}

/// The parts of ascending ranges outside of others, which are ascending as well.
pub(crate) fn without(ranges: &[Range<u64>], holes: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut rest = Vec::new();
    for range in ranges {
        let mut start = range.start;
        for hole in overlap(holes, range) {
            if start < hole.start {
                rest.push(start..hole.start);
            }
            start = hole.end;
        }
        if start < range.end {
            rest.push(start..range.end);
        }
    }
    rest
}

/// A way along ascending ranges by ascending addresses.
#[derive(Debug, Default)]
pub(crate) struct Cursor(usize);

impl Cursor {
    /// Where in the ranges this address lies, if in any. It must not lie below the one before.
    pub(crate) fn find<T>(
        &mut self,
        items: &[T],
        range: impl Fn(&T) -> &Range<u64>,
        address: u64,
    ) -> Option<usize> {
        while items.get(self.0).is_some_and(|item| range(item).end <= address) {
            self.0 += 1;
        }
        items.get(self.0).is_some_and(|item| range(item).start <= address).then_some(self.0)
    }
}

/// A number in digits of this base, without a sign.
pub(crate) fn number(digits: &[u8], base: u32) -> Option<u64> {
    if digits.first() == Some(&b'+') {
        return None;
    }
    u64::from_str_radix(str::from_utf8(digits).ok()?, base).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_become_one() {
        let mut ranges = Vec::new();
        for range in [10..20, 20..30, 35..40, 50..60] {
            push(&mut ranges, range, 5);
        }
        assert_eq!(ranges, [10..40, 50..60]);
    }

    #[test]
    fn parts_inside_and_outside() {
        let ranges = [10..20, 30..40, 50..60];
        assert_eq!(overlap(&ranges, &(15..55)).collect::<Vec<_>>(), [15..20, 30..40, 50..55]);
        assert_eq!(without(&ranges, &[0..5, 15..55]), [10..15, 55..60]);
        assert_eq!(without(&ranges, &[12..14, 32..34]), [10..12, 14..20, 30..32, 34..40, 50..60]);
        assert_eq!(without(&ranges, &[]), ranges);
    }

    #[test]
    fn a_cursor_finds_what_holds_an_address() {
        let ranges = [10..20, 20..30, 40..50];
        let mut cursor = Cursor::default();
        let found = [5, 10, 19, 20, 30, 45, 50].map(|at| cursor.find(&ranges, |range| range, at));
        assert_eq!(found, [None, Some(0), Some(0), Some(1), None, Some(2), None]);
    }
}
