//! `zeroboot map`, and `zeroboot run --map`: which memory of a template its sandboxes share, copy and add.
//!
//! | module | does |
//! |---|---|
//! | `heat` | adds the maps of several sandboxes up |
//! | `last` | keeps the last one for later |
//! | `picture` | counts to shapes |
//! | `svg`, `png` | shapes to files |

mod heat;
mod last;
mod picture;
mod png;
mod svg;

use std::io::Write;
use std::path::Path;

use zeroboot::Outcome;

use self::heat::Heat;
use self::picture::Picture;
use crate::arguments::{MapOptions, Subject};
use crate::failure::Failure;

/// `zeroboot map`.
pub(crate) fn run(options: &MapOptions) -> Result<u8, Failure> {
    let maps = match options.subject {
        Subject::Last => Maps(last::read()?),
        Subject::Process(pid) => {
            let map = zeroboot::page_map_of(pid)
                .map_err(|error| Failure::new(error.cause(), error.remedy().unwrap_or_default()))?;
            let mut heat = Heat::default();
            heat.add(&map);
            Maps(heat)
        }
    };
    if let Some(path) = &options.output {
        maps.draw(path)?;
    }
    let table = maps.table();
    std::io::stdout()
        .write_all(table.as_bytes())
        .map_err(|error| Failure::stream("cannot write to standard output", &error))?;
    Ok(0)
}

/// The maps of the sandboxes of one `run`.
#[derive(Debug, Default)]
pub(crate) struct Maps(Heat);

impl Maps {
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        if let Some(map) = &outcome.page_map {
            self.0.add(map);
        }
    }

    /// Writes a picture, in the format that the file's name asks for.
    pub(crate) fn draw(&self, path: &Path) -> Result<(), Failure> {
        if self.0.sandboxes == 0 {
            let cause = "there is no map: no sandbox has waited at its end to be looked at, or its pages may not be seen";
            return Err(Failure::new(cause, "run it as root, and let the script come to its end"));
        }
        let picture = Picture::of(&self.0);
        let bytes = match path.extension().and_then(|it| it.to_str()) {
            Some("png") => png::png(&picture).map_err(|error| {
                Failure::new(format!("cannot make the picture: {error}"), "draw it as .svg")
            })?,
            _ => svg::svg(&picture).into_bytes(),
        };
        std::fs::write(path, bytes).map_err(|error| {
            let cause = format!("cannot write the map to {}: {error}", path.display());
            Failure::new(cause, "check the path")
        })
    }

    /// Keeps it for `zeroboot map last`.
    pub(crate) fn keep(&self) {
        if self.0.sandboxes > 0 {
            last::write(&self.0);
        }
    }

    /// The mappings, those of which most was copied first, in KiB a sandbox.
    fn table(&self) -> String {
        let mut rows: Vec<[u64; 3]> = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        let kib = |pages: u64| pages * self.0.page / 1024 / self.0.sandboxes.max(1);
        for mapping in self.0.mappings.values() {
            let index = names.iter().position(|name| *name == mapping.name).unwrap_or_else(|| {
                names.push(&mapping.name);
                rows.push([0; 3]);
                rows.len() - 1
            });
            let had: u64 = mapping.had.iter().map(|range| (range.end - range.start) / 1024).sum();
            rows[index][0] += had;
            rows[index][1] += kib(mapping.copied.values().sum());
            rows[index][2] += kib(mapping.zeroed.values().sum());
        }
        let mut table: Vec<_> = names.into_iter().zip(rows).collect();
        table.sort_by_key(|(_, [had, copied, new])| std::cmp::Reverse((*copied, *new, *had)));
        let width = table.iter().map(|(name, _)| name.len()).max().unwrap_or(0).max("mapping".len());
        let line = |name: &str, cells: [String; 3]| {
            let [had, copied, new] = cells;
            format!("{name:width$}  {had:>12}  {copied:>12}  {new:>12}\n")
        };
        let mut text = line("mapping", ["template KiB", "copied KiB", "new KiB"].map(str::to_owned));
        for (name, cells) in table {
            text.push_str(&line(name, cells.map(|cell| cell.to_string())));
        }
        text
    }
}
