//! A fork's memory as a map: which pages of its template it still shares, which it has copied, and which are new.
//!
//! Never here: reading a page table (that is the [`Sampler`](crate::Sampler)'s), and drawing.

use std::ops::Range;

use crate::baseline::Baseline;
use crate::ranges::{overlap, push, without};

/// What a fork and its template have in memory, by mapping, in ascending order of addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageMap {
    /// The size of a page, in bytes.
    pub page: u64,
    /// The template's private mappings that may be written, and what the fork has beside them.
    pub mappings: Vec<MappedPages>,
}

/// The pages of one mapping: address ranges, in ascending order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MappedPages {
    /// As [`Sampler::copied_from`](crate::Sampler::copied_from) has it; `[new]` for what the template did not have.
    pub name: String,
    /// Where it lies.
    pub addresses: Range<u64>,
    /// What the template had and the fork has not copied; whether the fork still maps it is not looked at.
    pub shared: Vec<Range<u64>>,
    /// What the fork has a copy of.
    pub copied: Vec<Range<u64>>,
    /// What the fork has and the template had not.
    pub zeroed: Vec<Range<u64>>,
}

/// Pages close to one another that the template has no mapping for are one mapping of the map.
const NEAR: u64 = 1 << 20;

/// The pages of a fork that nobody else maps, as they are found.
#[derive(Debug, Default)]
pub(crate) struct OwnPages {
    copied: Vec<Range<u64>>,
    zeroed: Vec<Range<u64>>,
}

impl OwnPages {
    /// In ascending order.
    pub(crate) fn add(&mut self, page: Range<u64>, is_copy: bool) {
        push(if is_copy { &mut self.copied } else { &mut self.zeroed }, page, 0);
    }

    /// The map of this fork of what had the baseline.
    pub(crate) fn map(&self, baseline: &Baseline, page: u64) -> PageMap {
        let mut mappings = Vec::new();
        for mapping in baseline.mappings() {
            let copied: Vec<_> = overlap(&self.copied, mapping.addresses).collect();
            let zeroed: Vec<_> = overlap(&self.zeroed, mapping.addresses).collect();
            if !mapping.may_be_written && copied.is_empty() && zeroed.is_empty() {
                continue;
            }
            let had = if mapping.copies_a_file {
                vec![mapping.addresses.clone()]
            } else {
                overlap(baseline.pages(), mapping.addresses).collect()
            };
            let shared = without(&had, &copied);
            if shared.is_empty() && copied.is_empty() && zeroed.is_empty() {
                continue;
            }
            let (name, addresses) = (mapping.name.to_owned(), mapping.addresses.clone());
            mappings.push(MappedPages { name, addresses, shared, copied, zeroed });
        }
        let known: Vec<_> = baseline.mappings().map(|mapping| mapping.addresses.clone()).collect();
        mappings.extend(new_mappings(&without(&self.zeroed, &known)));
        mappings.sort_by_key(|mapping| mapping.addresses.start);
        PageMap { page, mappings }
    }
}

fn new_mappings(pages: &[Range<u64>]) -> impl Iterator<Item = MappedPages> {
    let mut places = Vec::new();
    pages.iter().for_each(|range| push(&mut places, range.clone(), NEAR));
    places.into_iter().map(|addresses| MappedPages {
        name: "[new]".to_owned(),
        zeroed: overlap(pages, &addresses).collect(),
        addresses,
        ..MappedPages::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(range: Range<u64>) -> Vec<Range<u64>> {
        std::iter::once(range).collect()
    }

    #[test]
    fn by_mapping_and_kind() {
        let maps = b"1000-9000 rw-p 00000000 00:00 0 [heap]\n\
            9000-c000 r-xp 00000000 fe:00 9 /lib/a.so\n\
            c000-f000 rw-p 00000000 fe:00 9 /lib/a.so\n\
            f000-10000 rw-s 00000000 fe:00 9 /lib/b.so\n";
        let baseline = Baseline::new(maps, vec![0x2000..0x6000, 0xc000..0xd000]).expect("a baseline");
        let mut own = OwnPages::default();
        for page in [0x3000, 0x4000, 0xd000] {
            own.add(page..page + 0x1000, true);
        }
        for page in [0x7000, 0x40_0000, 0x40_1000, 0x80_0000] {
            own.add(page..page + 0x1000, false);
        }
        let map = own.map(&baseline, 0x1000);
        let told: Vec<_> = map
            .mappings
            .iter()
            .map(|mapping| {
                let MappedPages { name, shared, copied, zeroed, .. } = mapping;
                (name.as_str(), shared.clone(), copied.clone(), zeroed.clone())
            })
            .collect();
        let expected = [
            ("[heap]", vec![0x2000..0x3000, 0x5000..0x6000], one(0x3000..0x5000), one(0x7000..0x8000)),
            ("a.so", vec![0xc000..0xd000, 0xe000..0xf000], one(0xd000..0xe000), vec![]),
            ("[new]", vec![], vec![], one(0x40_0000..0x40_2000)),
            ("[new]", vec![], vec![], one(0x80_0000..0x80_1000)),
        ];
        assert_eq!(told, expected);
    }
}
