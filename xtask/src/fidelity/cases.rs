//! What `cases.py` reports.

use std::collections::BTreeMap;

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    Passed,
    /// With what it says.
    Skipped(String),
    /// With the last line of its traceback.
    Failed(String),
}

impl End {
    /// Whether both are of one kind, whatever they say.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    pub(super) fn words(&self) -> String {
        match self {
            Self::Passed => "passed".to_owned(),
            Self::Skipped(why) => format!("skipped: {why}"),
            Self::Failed(why) => format!("failed: {why}"),
        }
    }
}

/// A module's cases on one side.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ran {
    pub(super) ends: BTreeMap<String, End>,
    /// In which case it was cut off, if it was.
    pub(super) broke_off: Option<String>,
}

/// Reads a report, whole or not.
pub(super) fn read(report: &str) -> Ran {
    let mut ran = Ran::default();
    let mut running = "before its first case";
    let mut ended = false;
    for line in report.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields[..] {
            ["end"] => ended = true,
            ["begin", name] => running = name,
            ["case", end, name, why] => {
                let end = match end {
                    "passed" => End::Passed,
                    "skipped" => End::Skipped(why.to_owned()),
                    _ => End::Failed(why.to_owned()),
                };
                ran.ends.insert(name.to_owned(), end);
                running = "between two cases";
            }
            // What a test has printed.
            _ => {}
        }
    }
    ran.broke_off = (!ended).then(|| running.to_owned());
    ran
}

#[cfg(test)]
mod tests {
    use super::{End, read};

    #[test]
    fn a_report_is_read() {
        let ran = read("\nbegin\ta\nnoise\n\ncase\tpassed\ta\t\n\ncase\tskipped\tb\twhy\n\nend\n");
        assert_eq!(ran.broke_off, None);
        assert_eq!(ran.ends.get("a"), Some(&End::Passed));
        assert_eq!(ran.ends.get("b"), Some(&End::Skipped("why".to_owned())));
    }

    #[test]
    fn a_report_that_breaks_off_says_where() {
        let ran = read("begin\ta\ncase\tpassed\ta\t\nbegin\tb\n");
        assert_eq!(ran.broke_off.as_deref(), Some("b"));
        assert_eq!(ran.ends.len(), 1);
    }
}
