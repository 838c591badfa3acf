//! What a run has shown, held against the list.

use std::collections::BTreeMap;

use super::allowed::{Entry, When};

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Passed,
    Skipped,
    /// With the last line of its traceback.
    Failed(String),
}

/// Cases by name.
pub(crate) type Ends = BTreeMap<String, End>;

/// Reads the report of `cases.py`; `None` if its end is not there.
pub(crate) fn read(report: &str) -> Option<Ends> {
    let mut ends = Ends::new();
    for line in report.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let (name, end) = match fields[..] {
            ["end"] => return Some(ends),
            ["case", "passed", name, _] => (name, End::Passed),
            ["case", "skipped", name, _] => (name, End::Skipped),
            ["case", "failed", name, why] => (name, End::Failed(why.to_owned())),
            // What a test has printed.
            _ => continue,
        };
        ends.insert(name.to_owned(), end);
    }
    None
}

/// Whose sandboxes they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum User {
    Root,
    Ordinary,
}

/// What does not agree with the list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Disagreement {
    /// They failed and are not listed.
    pub(crate) unlisted: Vec<String>,
    /// They passed, and the list says that they fail, and why.
    pub(crate) stale: Vec<(String, &'static str)>,
}

pub(crate) fn judge(ends: &Ends, list: &[Entry], user: User) -> Disagreement {
    let mut found = Disagreement::default();
    for (name, end) in ends {
        let listed = list
            .iter()
            .filter(|entry| entry.when != When::OrdinaryUser || user == User::Ordinary)
            .find(|entry| entry.cases.iter().any(|case| is_of(name, case)));
        match (end, listed) {
            (End::Failed(_), None) => found.unlisted.push(name.clone()),
            (End::Passed, Some(entry)) if entry.when != When::SomeVersions => {
                found.stale.push((name.clone(), entry.why));
            }
            _ => {}
        }
    }
    found
}

/// Whether it is this case, or one of this class.
fn is_of(name: &str, listed: &str) -> bool {
    name.strip_prefix(listed).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
