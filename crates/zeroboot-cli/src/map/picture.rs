//! From counts to shapes: each mapping a heading and rows of cells, each cell a few pages.
//!
//! Never here: a file format.

use super::heat::{Heat, MappingHeat, pages};

/// A colour: red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour(pub(super) [u8; 3]);

const SHARED: Colour = Colour([0xc3, 0xd4, 0xe3]);
const COPIED: Colour = Colour([0xd5, 0x5e, 0x00]);
const ZEROED: Colour = Colour([0x00, 0x9e, 0x73]);
pub(super) const PAPER: Colour = Colour([0xff, 0xff, 0xff]);
pub(super) const INK: Colour = Colour([0x22, 0x22, 0x22]);

/// What a picture is made of, in pixels from its upper left corner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    Box {
        x: u32,
        y: u32,
        width: u32,
        height: u32,
        colour: Colour,
    },
    /// Its lower left corner.
    Text {
        x: u32,
        y: u32,
        text: String,
    },
}

/// Shapes, and how large they are together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) shapes: Vec<Shape>,
}

/// The side of a cell, and the room that it takes.
const CELL: u32 = 5;
const PITCH: u32 = 6;
/// Cells in a row.
const COLUMNS: u32 = 128;
const MARGIN: u32 = 16;
/// From one line of text to the next.
const LINE: u32 = 16;
/// Mappings of so many pages at most stand together: most libraries have one or two that may be written.
const SMALL: u64 = 4;
/// More cells than that are too many to look at: then each is several pages.
const MOST_CELLS: u64 = 12_000;

/// Pages of one cell, weighed: of each page and sandbox one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Cell {
    shared: u64,
    copied: u64,
    zeroed: u64,
    /// New in other sandboxes alone.
    absent: u64,
}

impl Cell {
    /// The mean of all.
    fn colour(self) -> Colour {
        let parts =
            [(SHARED, self.shared), (COPIED, self.copied), (ZEROED, self.zeroed), (PAPER, self.absent)];
        let all = parts.iter().map(|(_, weight)| weight).sum::<u64>().max(1);
        let mean = |channel: usize| {
            let sum: u64 = parts.iter().map(|(colour, weight)| u64::from(colour.0[channel]) * weight).sum();
            u8::try_from(sum / all).unwrap_or(u8::MAX)
        };
        Colour([mean(0), mean(1), mean(2)])
    }
}

impl Picture {
    pub(super) fn of(heat: &Heat) -> Self {
        let all: u64 = heat.mappings.values().map(|mapping| pages_of(mapping, heat.page)).sum();
        let pages_a_cell = all.div_ceil(MOST_CELLS).max(1);
        let mut picture = Self { width: 2 * MARGIN + COLUMNS * PITCH, height: MARGIN, shapes: Vec::new() };
        picture.legend(heat, pages_a_cell);
        let is_small = |mapping: &&MappingHeat| pages_of(mapping, heat.page) <= SMALL;
        let (small, large): (Vec<_>, Vec<_>) = heat.mappings.values().partition(is_small);
        for mapping in large {
            picture.block(heat, &mapping.name, &[mapping], pages_a_cell);
        }
        if !small.is_empty() {
            picture.block(heat, &format!("{} small mappings", small.len()), &small, pages_a_cell);
        }
        picture.height += MARGIN;
        picture
    }

    fn legend(&mut self, heat: &Heat, pages_a_cell: u64) {
        let sandboxes = match heat.sandboxes {
            1 => "one sandbox".to_owned(),
            count => format!("the mean of {count} sandboxes"),
        };
        let kib = pages_a_cell * heat.page / 1024;
        self.line(MARGIN, format!("Memory of a template, as left by {sandboxes}. One cell is {kib} KiB."));
        let mut x = MARGIN;
        self.height += LINE;
        for (colour, text) in [
            (SHARED, "shared with the template"),
            (COPIED, "copied, since it was written"),
            (ZEROED, "new, zeroed by the kernel"),
        ] {
            let (y, side) = (self.height - CELL * 2, CELL * 2);
            self.shapes.push(Shape::Box { x, y, width: side, height: side, colour });
            self.shapes.push(Shape::Text { x: x + side + 4, y: self.height, text: text.to_owned() });
            x += 240;
        }
        self.height += LINE / 2;
    }

    fn line(&mut self, x: u32, text: String) {
        self.height += LINE;
        self.shapes.push(Shape::Text { x, y: self.height, text });
    }

    /// A heading, and the cells of these mappings.
    fn block(&mut self, heat: &Heat, name: &str, mappings: &[&MappingHeat], pages_a_cell: u64) {
        let cells: Vec<_> = mappings.iter().flat_map(|mapping| cells(mapping, heat, pages_a_cell)).collect();
        let kib = |pages: u64| pages * heat.page / 1024 / heat.sandboxes.max(1);
        let copied = kib(mappings.iter().flat_map(|mapping| mapping.copied.values()).sum());
        let new = kib(mappings.iter().flat_map(|mapping| mapping.zeroed.values()).sum());
        let had = mappings.iter().flat_map(|mapping| &mapping.had);
        let had: u64 = had.map(|range| (range.end - range.start) / 1024).sum();
        self.height += LINE / 4;
        self.line(MARGIN, format!("{name}: {copied} of {had} KiB copied, {new} KiB new"));
        self.height += LINE / 4;
        for row in cells.chunks(COLUMNS as usize) {
            for (cell, x) in row.iter().zip((MARGIN..).step_by(PITCH as usize)) {
                let (y, colour) = (self.height, cell.colour());
                self.shapes.push(Shape::Box { x, y, width: CELL, height: CELL, colour });
            }
            self.height += PITCH;
        }
    }
}

/// How many pages are drawn of a mapping.
fn pages_of(mapping: &MappingHeat, page: u64) -> u64 {
    let had: u64 = mapping.had.iter().map(|range| (range.end - range.start) / page.max(1)).sum();
    had + mapping.zeroed.len() as u64
}

/// What there is, by address; what was nowhere is left out.
fn cells(mapping: &MappingHeat, heat: &Heat, pages_a_cell: u64) -> Vec<Cell> {
    let had = mapping.had.iter().flat_map(|range| pages(range, heat.page)).map(|address| {
        let copied = mapping.copied.get(&address).copied().unwrap_or(0);
        (address, Cell { shared: heat.sandboxes.saturating_sub(copied), copied, ..Cell::default() })
    });
    let new = mapping.zeroed.iter().map(|(address, count)| {
        let absent = heat.sandboxes.saturating_sub(*count);
        (*address, Cell { zeroed: *count, absent, ..Cell::default() })
    });
    let mut all: Vec<_> = had.chain(new).collect();
    all.sort_unstable_by_key(|(address, _)| *address);
    let sum = |cells: &[(u64, Cell)]| {
        cells.iter().fold(Cell::default(), |sum, (_, cell)| Cell {
            shared: sum.shared + cell.shared,
            copied: sum.copied + cell.copied,
            zeroed: sum.zeroed + cell.zeroed,
            absent: sum.absent + cell.absent,
        })
    };
    all.chunks(usize::try_from(pages_a_cell).unwrap_or(usize::MAX)).map(sum).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn heat(pages: u64) -> Heat {
        let mapping = MappingHeat {
            name: "[heap]".to_owned(),
            had: std::iter::once(0..pages * 4096).collect(),
            copied: BTreeMap::from([(4096, 1), (8192, 2)]),
            zeroed: BTreeMap::from([(pages * 4096, 2)]),
        };
        Heat { sandboxes: 2, page: 4096, mappings: BTreeMap::from([(0, mapping)]) }
    }

    fn colours(picture: &Picture) -> Vec<Colour> {
        let cells = picture.shapes.iter().filter_map(|shape| match shape {
            Shape::Box { width: CELL, colour, .. } => Some(*colour),
            _ => None,
        });
        cells.collect()
    }

    #[test]
    fn a_page_is_as_dark_as_often_it_was_copied() {
        let half = Colour([0xcc, 0x99, 0x71]);
        // As a mapping of its own, and as one of the small ones.
        for pages in [3, 4] {
            let shared = vec![SHARED; usize::try_from(pages - 3).expect("a few")];
            let expected = [vec![SHARED, half, COPIED], shared, vec![ZEROED]].concat();
            assert_eq!(colours(&Picture::of(&heat(pages))), expected);
        }
    }

    #[test]
    fn a_large_template_has_cells_of_several_pages() {
        let picture = Picture::of(&heat(100_000));
        let cells = colours(&picture).len() as u64;
        assert!(cells <= MOST_CELLS, "{cells}");
        assert!(picture.height > 500);
    }

    #[test]
    fn nothing_lies_outside() {
        let picture = Picture::of(&heat(1000));
        for shape in &picture.shapes {
            let (right, bottom) = match shape {
                Shape::Box { x, y, width, height, .. } => (x + width, y + height),
                Shape::Text { x, y, text } => (x + 6 * u32::try_from(text.len()).unwrap_or(u32::MAX), *y),
            };
            assert!(right <= picture.width && bottom <= picture.height, "{shape:?}");
        }
    }
}
