//! A template's line in the upper table: what its process says of it.
//!
//! Never here: anything that is measured.

use zeroboot::{PublishedProcess, PublishedTemplate};

/// Titles, and how many characters each has room for.
pub(super) const COLUMNS: [(&str, usize); 9] = [
    ("HOST", 7),
    ("PROGRAM", 10),
    ("TEMPLATE", 14),
    ("PID", 7),
    ("RUNS", 8),
    ("ACTIVE", 6),
    ("PARKED", 9),
    ("HIT %", 5),
    ("STORMS", 6),
];

/// One living template.
#[derive(Debug)]
pub(super) struct Summary {
    host: u32,
    program: String,
    template: PublishedTemplate,
}

impl Summary {
    /// Those of one process.
    pub(super) fn all(process: PublishedProcess) -> impl Iterator<Item = Self> {
        let (host, program) = (process.pid, printable(&process.program));
        process.templates.into_iter().map(move |template| Self { host, program: program.clone(), template })
    }

    /// What stands in each of the [`COLUMNS`].
    pub(super) fn cells(&self) -> [String; COLUMNS.len()] {
        let template = &self.template;
        let sum = |of: fn(&zeroboot::PublishedPool) -> u64| template.pools.iter().map(of).sum::<u64>();
        let (parked, hits) = if template.pools.is_empty() {
            ("-".to_owned(), "-".to_owned())
        } else {
            let (hits, misses) = (sum(|pool| pool.hits), sum(|pool| pool.misses));
            let share = (hits * 100).checked_div(hits + misses);
            let share = share.map_or_else(|| "-".to_owned(), |share| share.to_string());
            (format!("{}/{}", sum(|pool| pool.parked), sum(|pool| pool.size)), share)
        };
        [
            self.host.to_string(),
            fitting(&self.program, COLUMNS[1].1),
            fitting(&printable(&template.name), COLUMNS[2].1),
            template.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
            template.started.to_string(),
            template.in_flight.to_string(),
            parked,
            hits,
            template.storms.to_string(),
        ]
    }
}

/// A name as it can be shown: others choose it.
pub(super) fn printable(name: &str) -> String {
    name.replace(|letter: char| letter.is_control(), "?")
}

/// As much of a text as there is room for.
pub(super) fn fitting(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let start: String = text.chars().take(width.saturating_sub(1)).collect();
    start + "~"
}
