//! How often each page of a template was copied, over many sandboxes.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use zeroboot::PageMap;

/// The maps of several sandboxes of one template, as one.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Heat {
    pub(super) sandboxes: u64,
    /// The size of a page, in bytes.
    pub(super) page: u64,
    /// By address.
    pub(super) mappings: BTreeMap<u64, MappingHeat>,
}

/// One mapping.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct MappingHeat {
    pub(super) name: String,
    /// What the template has, in ascending order.
    pub(super) had: Vec<Range<u64>>,
    /// In how many sandboxes a page, by its address, was copied.
    pub(super) copied: BTreeMap<u64, u64>,
    /// The same of pages that the template has not.
    pub(super) zeroed: BTreeMap<u64, u64>,
}

impl Heat {
    pub(super) fn add(&mut self, map: &PageMap) {
        self.sandboxes += 1;
        self.page = map.page;
        for found in &map.mappings {
            let mapping = self.mappings.entry(found.addresses.start).or_insert_with(|| MappingHeat {
                name: found.name.clone(),
                had: had(&found.shared, &found.copied),
                ..MappingHeat::default()
            });
            for (ranges, counts) in
                [(&found.copied, &mut mapping.copied), (&found.zeroed, &mut mapping.zeroed)]
            {
                for address in ranges.iter().flat_map(|range| pages(range, map.page)) {
                    *counts.entry(address).or_insert(0) += 1;
                }
            }
        }
    }
}

/// What is shared and what was copied, in ascending order, neighbours joined.
fn had(shared: &[Range<u64>], copied: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut all = [shared, copied].concat();
    all.sort_by_key(|range| range.start);
    all.dedup_by(|next, last| {
        let is_neighbour = last.end == next.start;
        if is_neighbour {
            last.end = next.end;
        }
        is_neighbour
    });
    all
}

/// The addresses of the pages of a range.
pub(super) fn pages(range: &Range<u64>, page: u64) -> impl Iterator<Item = u64> + use<> {
    range.clone().step_by(usize::try_from(page).unwrap_or(4096))
}

#[cfg(test)]
mod tests {
    use std::iter::once;

    use zeroboot::MappedPages;

    use super::*;

    #[test]
    fn pages_are_counted_over_sandboxes() {
        let map = |copied: Vec<Range<u64>>, shared: Vec<Range<u64>>| PageMap {
            page: 10,
            mappings: vec![MappedPages {
                name: "[heap]".to_owned(),
                addresses: 0..100,
                shared,
                copied,
                zeroed: once(60..70).collect(),
            }],
        };
        let mut heat = Heat::default();
        heat.add(&map(vec![10..30, 40..50], vec![0..10, 30..40]));
        heat.add(&map(vec![20..30, 40..50], vec![0..20, 30..40]));
        let mapping = &heat.mappings[&0];
        assert_eq!(mapping.had, once(0..50).collect::<Vec<_>>());
        assert_eq!(mapping.copied, BTreeMap::from([(10, 1), (20, 2), (40, 2)]));
        assert_eq!(mapping.zeroed, BTreeMap::from([(60, 2)]));
    }
}
