//! What an attack says, line by line.

/// How an attack ended, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Something stopped it: what.
    Held(String),
    /// It succeeded: the evidence.
    Through(String),
    /// It could not be tried here: why.
    Skipped(String),
}

/// One line that the suite listens for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The last word.
    Verdict(Verdict),
    /// A victim has laid out what the attacker shall look for.
    Ready,
    /// A value that no other sandbox may say.
    Mark {
        /// Which sandbox says it: a number that it has drawn itself.
        by: String,
        /// What, and its value.
        value: String,
    },
}

impl Said {
    /// Reads a line; anything else that a program prints is `None`.
    pub fn parse(line: &str) -> Option<Self> {
        let line = line.trim_end();
        if line == "ready" {
            return Some(Self::Ready);
        }
        let (word, rest) = line.split_once(": ")?;
        let text = rest.to_owned();
        match word {
            "held" => Some(Self::Verdict(Verdict::Held(text))),
            "through" => Some(Self::Verdict(Verdict::Through(text))),
            "skipped" => Some(Self::Verdict(Verdict::Skipped(text))),
            "mark" => {
                let (by, value) = rest.split_once(' ')?;
                Some(Self::Mark { by: by.to_owned(), value: value.to_owned() })
            }
            _ => None,
        }
    }
}

/// A value that two different sandboxes have said.
pub fn shared_mark(said: &[Said]) -> Option<&str> {
    let marks = || {
        said.iter().filter_map(|each| match each {
            Said::Mark { by, value } => Some((by, value)),
            _ => None,
        })
    };
    marks()
        .find(|(by, value)| marks().any(|(other, same)| same == *value && other != *by))
        .map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::{Said, Verdict, shared_mark};

    #[test]
    fn the_three_verdicts() {
        let verdict = |line| match Said::parse(line) {
            Some(Said::Verdict(verdict)) => Some(verdict),
            _ => None,
        };
        assert_eq!(verdict("held: EPERM"), Some(Verdict::Held("EPERM".to_owned())));
        assert_eq!(verdict("through: a: b\r\n"), Some(Verdict::Through("a: b".to_owned())));
        assert_eq!(verdict("skipped: no such call"), Some(Verdict::Skipped("no such call".to_owned())));
    }

    #[test]
    fn other_lines_are_not_heard() {
        for line in
            ["", "held", "held:", " held: EPERM", "withheld: EPERM", "OSError: held: EPERM", "mark: x"]
        {
            assert_eq!(Said::parse(line), None, "{line:?}");
        }
        assert_eq!(Said::parse("ready\n"), Some(Said::Ready));
    }

    #[test]
    fn a_mark_is_shared_by_two_sandboxes_only() {
        let mark = |line| Said::parse(line).into_iter();
        let own: Vec<_> =
            mark("mark: aa x=1").chain(mark("mark: aa x=1")).chain(mark("mark: bb x=2")).collect();
        assert_eq!(shared_mark(&own), None);
        let shared: Vec<_> = own.into_iter().chain(mark("mark: bb x=1")).collect();
        assert_eq!(shared_mark(&shared), Some("x=1"));
    }
}
