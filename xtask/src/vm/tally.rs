//! Listening to the machine: which user's which program a line belongs to, what failed there, and the sums.

use crate::output::{Counts, number_before};

/// What is printed before each program: `== USER: NAME`.
const HEADING: &str = "== ";

/// What the programs of one user have told.
#[derive(Debug, Default)]
struct Part {
    user: String,
    tests: Counts,
    attacks: Attacks,
}

/// How many attacks ended how.
#[derive(Debug, Default, PartialEq, Eq)]
struct Attacks {
    held: usize,
    open: usize,
    skipped: usize,
    through: usize,
    unclear: usize,
}

/// All that has been heard.
#[derive(Debug, Default)]
pub(super) struct Tally {
    parts: Vec<Part>,
    /// The user and the program that speak now.
    place: String,
    /// Whether the names of failed tests come.
    listing: bool,
    failed: Vec<String>,
}

impl Tally {
    /// Takes one line of the machine's output.
    pub(super) fn line(&mut self, line: &str) {
        let line = line.trim_end();
        if let Some((user, program)) = line.strip_prefix(HEADING).and_then(|place| place.split_once(": ")) {
            self.place = format!("{user}: {program}");
            self.listing = false;
            if self.parts.last().is_none_or(|part| part.user != user) {
                self.parts.push(Part { user: user.to_owned(), ..Part::default() });
            }
            return;
        }
        let Some(part) = self.parts.last_mut() else { return };
        // What a test says on standard error comes after its name.
        let named = line.strip_prefix("test ").and_then(|test| test.split_once(" ... "));
        part.tests.line(named.map_or(line, |(_, said)| said));
        let suite = self.place.ends_with(super::ATTACKS);
        if suite {
            part.attacks.line(line);
        }
        let listed = line.strip_prefix("    ").filter(|_| self.listing);
        self.listing = line == "failures:" || listed.is_some();
        if let Some(name) = listed.or_else(|| attack_that_failed(line).filter(|_| suite)) {
            self.failed.push(format!("{}: {name}", self.place));
        }
    }

    /// A line for each user.
    pub(super) fn sums(&self) -> Vec<String> {
        let line = |part: &Part| match part.attacks.total() {
            0 => format!("{}: {}", part.user, part.tests),
            total => format!("{}: {}; {total} attacks: {}", part.user, part.tests, part.attacks),
        };
        self.parts.iter().map(line).collect()
    }

    /// What went wrong, with user and program; the programs' statuses are another's to judge.
    pub(super) fn complaints(&self, skips_are_failures: bool) -> Vec<String> {
        let mut complaints: Vec<_> = self.failed.iter().map(|place| format!("{place} failed")).collect();
        if self.parts.is_empty() {
            complaints.push("nothing ran".to_owned());
        }
        for part in &self.parts {
            let (skipped, attacks) = (part.tests.skipped + part.attacks.skipped, part.attacks.total());
            if part.tests.passed + part.tests.failed + attacks == 0 {
                complaints.push(format!("{}: no test ran", part.user));
            }
            if skips_are_failures && skipped > 0 {
                complaints.push(format!("{}: {skipped} skipped, and ZEROBOOT_NO_SKIP is set", part.user));
            }
        }
        complaints
    }
}

impl Attacks {
    /// Looks for the suite's last line.
    fn line(&mut self, line: &str) {
        let Some((total, counts)) = line.split_once(" attacks: ") else { return };
        if total.parse::<usize>().is_err() {
            return;
        }
        self.held += number_before(counts, "held");
        self.open += number_before(counts, "open");
        self.skipped += number_before(counts, "skipped");
        self.through += number_before(counts, "through");
        self.unclear += number_before(counts, "unclear");
    }

    fn total(&self) -> usize {
        self.held + self.open + self.skipped + self.through + self.unclear
    }
}

impl std::fmt::Display for Attacks {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { held, open, skipped, through, unclear } = self;
        write!(to, "{held} held, {open} open, {skipped} skipped, {through} through, {unclear} unclear")
    }
}

/// The name of an attack that got through or has no verdict.
fn attack_that_failed(line: &str) -> Option<&str> {
    let mut words = line.strip_prefix("  ")?.split_whitespace();
    let name = words.next()?;
    matches!(words.next(), Some("THROUGH" | "UNCLEAR")).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::Tally;

    const OUTPUT: &str = "\
SKIP before anything is nobody's
== root: apply
test a ... ok
test b is ... something is wrong
FAILED
test c ... SKIP no huge pages
ok

failures:

---- b is ----
    thread 'main' panicked

failures:
    b is

test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out
== root: attacks
  read-shadow  held     EACCES
  bpf          THROUGH  a descriptor

9 attacks: 5 held, 2 open, 1 skipped, 1 through, 0 unclear; no controls
== ordinary: apply
test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out";

    fn heard(output: &str) -> Tally {
        let mut tally = Tally::default();
        output.lines().for_each(|line| tally.line(line));
        tally
    }

    #[test]
    fn users_are_told_apart() {
        let attacks = "9 attacks: 5 held, 2 open, 1 skipped, 1 through, 0 unclear";
        let root = format!("root: 2 passed, 1 failed, 1 skipped; {attacks}");
        assert_eq!(heard(OUTPUT).sums(), [&root, "ordinary: 2 passed, 0 failed, 0 skipped"]);
    }

    #[test]
    fn a_failure_has_its_user_and_its_program() {
        let tally = heard(OUTPUT);
        assert_eq!(tally.complaints(false), ["root: apply: b is failed", "root: attacks: bpf failed"]);
        assert_eq!(tally.complaints(true)[2..], ["root: 2 skipped, and ZEROBOOT_NO_SKIP is set"]);
    }

    #[test]
    fn nothing_is_not_enough() {
        assert_eq!(heard("").complaints(false), ["nothing ran"]);
        assert_eq!(heard("== root: apply\n").complaints(false), ["root: no test ran"]);
    }
}
