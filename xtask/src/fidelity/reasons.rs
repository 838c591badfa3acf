//! The list of reasons: which cases may end otherwise inside, and why.

use super::allowed::{ALLOWED, When};
use super::side::User;

/// Reasons and patterns: a line that begins with a space is a pattern of the reason above it, with what the case must say inside
/// after a colon.
const LIST: &str = include_str!("reasons.txt");

/// A decision of the policy, and the cases that it is seen in.
#[derive(Debug)]
pub(super) struct Reason {
    why: &'static str,
    /// Which cases, and what they say inside; nothing if they may say anything.
    patterns: Vec<(&'static str, &'static str)>,
}

/// All reasons for this user's sandboxes: of the test of the standard library, and of the list beside this file.
pub(super) fn all(user: User) -> Vec<Reason> {
    let tested = ALLOWED.iter().filter(|entry| entry.when != When::OrdinaryUser || user != User::Root);
    let mut reasons: Vec<_> = tested
        .map(|entry| Reason {
            why: entry.why,
            patterns: entry.cases.iter().map(|case| (*case, "")).collect(),
        })
        .collect();
    reasons.extend(parse(LIST));
    reasons
}

fn parse(list: &'static str) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = Vec::new();
    for line in list.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        match (line.strip_prefix(' '), reasons.last_mut()) {
            (Some(pattern), Some(reason)) => {
                let (case, said) = pattern.split_once(" : ").unwrap_or((pattern, ""));
                reason.patterns.push((case.trim(), said.trim()));
            }
            _ => reasons.push(Reason { why: line, patterns: Vec::new() }),
        }
    }
    reasons
}

/// Why this case may end otherwise, and say this.
pub(super) fn why(reasons: &[Reason], case: &str, inside: &str) -> Option<&'static str> {
    let fits = |(pattern, said): &(&str, &str)| matches(pattern, case) && inside.contains(said);
    reasons.iter().find(|reason| reason.patterns.iter().any(fits)).map(|reason| reason.why)
}

/// Whether the case is the pattern's, or of its class or module; a `*` stands for anything.
fn matches(pattern: &str, case: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        let named = case.strip_prefix(pattern).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        // `setUpClass (test.test_x.Class)`
        let around = case.split_once('(').map(|(_, rest)| rest.trim_end_matches(')'));
        return named || around.is_some_and(|inner| matches(pattern, inner));
    };
    let Some(rest) = case.strip_prefix(head) else { return false };
    tail.is_empty() || (0..=rest.len()).filter_map(|at| rest.get(at..)).any(|rest| matches(tail, rest))
}

#[cfg(test)]
mod tests {
    use super::{LIST, matches, parse, why};

    #[test]
    fn patterns_name_cases_classes_and_modules() {
        assert!(matches("test.test_x", "test.test_x.Class.case"));
        assert!(matches("test.test_x.Class", "setUpClass (test.test_x.Class)"));
        assert!(matches("test.test_x.*.case", "test.test_x.Class.case"));
        assert!(!matches("test.test_x", "test.test_xyz.Class.case"));
        assert!(!matches("test.test_x.*.case", "test.test_x.Class.other"));
    }

    #[test]
    fn each_reason_has_patterns() {
        let reasons = parse(LIST);
        assert!(reasons.iter().all(|reason| !reason.patterns.is_empty()), "{reasons:?}");
        let list =
            parse("# comment\nbecause\n test.test_a\n test.test_b.*\n\nsince\n test.test_c : refused\n");
        assert_eq!(why(&list, "test.test_b.C.x", "failed"), Some("because"));
        assert_eq!(why(&list, "test.test_c", "failed: refused to do it"), Some("since"));
        assert_eq!(why(&list, "test.test_c", "failed"), None);
        assert_eq!(why(&list, "test.test_d", "refused"), None);
    }
}
