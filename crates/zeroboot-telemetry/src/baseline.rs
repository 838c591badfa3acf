//! What a template had before it was forked, so that a fork's pages can be compared with it.

use std::ops::Range;

use crate::maps;
use crate::ranges::{Cursor, push};

/// The places in which a process had something: anonymous pages of its own, or the content of files.
///
/// Read it once, of a template that is ready to be forked ([`Sampler::baseline`](crate::Sampler::baseline)): it does not
/// follow what the template does later. It takes a few KiB: ranges, not pages. Memory that has been read and never written,
/// for which the kernel has one page of zeroes, counts as something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    /// Anonymous pages, in memory or in swap.
    pages: Vec<Range<u64>>,
    mappings: Vec<Mapping>,
    /// Each name once.
    names: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Mapping {
    addresses: Range<u64>,
    /// A page that is written here for the first time is a copy of the file's.
    copies_a_file: bool,
    may_be_written: bool,
    /// Which name.
    name: usize,
}

/// A mapping, as a map of pages has it.
#[derive(Debug)]
pub(crate) struct NamedMapping<'a> {
    pub(crate) name: &'a str,
    pub(crate) addresses: &'a Range<u64>,
    pub(crate) copies_a_file: bool,
    pub(crate) may_be_written: bool,
}

impl Baseline {
    /// Of a text of mappings; `None` when it is none.
    pub(crate) fn new(maps: &[u8], pages: Vec<Range<u64>>) -> Option<Self> {
        let mut baseline = Self { pages, mappings: Vec::new(), names: Vec::new() };
        for line in maps::lines(maps) {
            let line = line?;
            let name = baseline.number_of(line.short_name());
            let (copies_a_file, may_be_written) = (line.copies_a_file(), line.may_be_written());
            let addresses = line.addresses;
            baseline.mappings.push(Mapping { addresses, copies_a_file, may_be_written, name });
        }
        Some(baseline)
    }

    /// The same with other names for these places, in ascending order: what a template's memory was called before it was moved into
    /// a file, for one. A path is shortened to its last part, and an empty name is `[anon]`, as everywhere.
    #[must_use]
    pub fn with_names<'a>(mut self, places: impl IntoIterator<Item = (Range<u64>, &'a str)>) -> Self {
        let numbered =
            |(range, name): (Range<u64>, &str)| (range, self.number_of(maps::short(name.as_bytes())));
        let places: Vec<_> = places.into_iter().map(numbered).collect();
        let mut mappings = Vec::with_capacity(self.mappings.len() + places.len());
        for mapping in self.mappings {
            let mut rest = mapping.addresses.clone();
            let first = places.partition_point(|(place, _)| place.end <= rest.start);
            for (place, name) in places[first..].iter().take_while(|(place, _)| place.start < rest.end) {
                let named = place.start.max(rest.start)..place.end.min(rest.end);
                if named.is_empty() {
                    continue;
                }
                mappings.push(Mapping { addresses: rest.start..named.start, ..mapping.clone() });
                rest.start = named.end;
                mappings.push(Mapping { addresses: named, name: *name, ..mapping.clone() });
            }
            mappings.push(Mapping { addresses: rest, ..mapping });
        }
        mappings.retain(|mapping| !mapping.addresses.is_empty());
        Self { mappings, ..self }
    }

    fn number_of(&mut self, name: &[u8]) -> usize {
        let name = String::from_utf8_lossy(name);
        let known = self.names.iter().position(|known| *known == name);
        known.unwrap_or_else(|| {
            self.names.push(name.into_owned());
            self.names.len() - 1
        })
    }

    /// Every name that a copied page may have come from.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Where its anonymous pages are.
    pub(crate) fn pages(&self) -> &[Range<u64>] {
        &self.pages
    }

    /// Its mappings, in ascending order.
    pub(crate) fn mappings(&self) -> impl Iterator<Item = NamedMapping<'_>> {
        self.mappings.iter().map(|mapping| NamedMapping {
            name: self.names.get(mapping.name).map_or("", String::as_str),
            addresses: &mapping.addresses,
            copies_a_file: mapping.copies_a_file,
            may_be_written: mapping.may_be_written,
        })
    }

    /// Where its anonymous pages are, close ones as one.
    pub(crate) fn areas(&self, gap: u64) -> Vec<Range<u64>> {
        let mut areas = Vec::new();
        self.pages.iter().for_each(|range| push(&mut areas, range.clone(), gap));
        areas
    }

    /// Compares pages with it, in ascending order of their addresses.
    pub(crate) fn comparison(&self) -> Comparison<'_> {
        Comparison { baseline: self, page: Cursor::default(), mapping: Cursor::default() }
    }
}

/// A walk along a baseline.
#[derive(Debug)]
pub(crate) struct Comparison<'a> {
    baseline: &'a Baseline,
    page: Cursor,
    mapping: Cursor,
}

impl Comparison<'_> {
    /// Which name a private page at this address is a copy from; `None`: there was nothing.
    pub(crate) fn origin(&mut self, address: u64) -> Option<usize> {
        let Baseline { pages, mappings, .. } = self.baseline;
        let mapping = &mappings[self.mapping.find(mappings, |mapping| &mapping.addresses, address)?];
        let was_there = mapping.copies_a_file || self.page.find(pages, |pages| pages, address).is_some();
        was_there.then_some(mapping.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_something_was() {
        let maps = b"1000-5000 rw-p 00000000 00:00 0 [heap]\n\
            5000-7000 rw-p 00000000 fe:00 9 /lib/a.so\n\
            8000-9000 rw-s 00000000 fe:00 9 /lib/a.so\n\
            9000-b000 rw-p 00000000 00:00 0 [heap]\n";
        let baseline = Baseline::new(maps, vec![0x2000..0x3000, 0x9000..0xa000]).expect("a baseline");
        assert_eq!(baseline.names(), ["[heap]", "a.so"]);
        let mut comparison = baseline.comparison();
        let places = [0, 0x1000, 0x2000, 0x3000, 0x5000, 0x6000, 0x7000, 0x8000, 0x9000, 0xa000, 0xb000];
        let origins = places.map(|address| comparison.origin(address));
        let (heap, library) = (Some(0), Some(1));
        assert_eq!(origins, [None, None, heap, None, library, library, None, None, heap, None, None]);
        assert_eq!(Baseline::new(b"nonsense\n", Vec::new()), None);
    }

    #[test]
    fn by_other_names() {
        let maps = b"1000-9000 rw-p 00000000 00:01 3 /memfd:frozen (deleted)\n\
            9000-a000 rw-p 00000000 00:00 0 [stack]\n";
        let baseline = Baseline::new(maps, Vec::new()).expect("a baseline");
        let named = baseline.with_names([
            (0x1000..0x3000, "[heap]"),
            (0x4000..0x6000, "/lib/a.so"),
            (0x8000..0x9000, ""),
        ]);
        let mut comparison = named.comparison();
        let name = |found: Option<usize>| named.names()[found.expect("a file's")].clone();
        let names =
            [0x1000, 0x2fff, 0x3000, 0x4000, 0x5fff, 0x6000, 0x8000].map(|at| name(comparison.origin(at)));
        assert_eq!(names, ["[heap]", "[heap]", "memfd:frozen", "a.so", "a.so", "memfd:frozen", "[anon]"]);
        assert_eq!(named.mappings().count(), 6);
    }
}
