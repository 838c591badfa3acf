//! Whether an attack has been seen to succeed somewhere, and what it means when it has not.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context;
use zeroboot_attack::catalogue::{self, Attack};
use zeroboot_attack::control::{Control, Place};

/// The attacks that no control is expected to show, with the reasons.
#[derive(Debug)]
pub(crate) struct Unproven(BTreeMap<String, String>);

impl Unproven {
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        Self::parse(&text).with_context(|| format!("{} is no list of attacks", file.display()))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let mut reasons = BTreeMap::new();
        for line in text.lines() {
            let (path, reason) = line.split_once(": ").with_context(|| format!("no reason in `{line}`"))?;
            let known = catalogue::all().any(|attack| attack.path() == path);
            anyhow::ensure!(known, "there is no attack `{path}`");
            reasons.insert(path.to_owned(), reason.to_owned());
        }
        Ok(Self(reasons))
    }
}

/// What is known about an attack beyond its outcome in the sandbox.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// A control got through.
    Shown(Control),
    /// None did, and none was expected to.
    Excused {
        /// Why.
        reason: String,
    },
    /// None did.
    Missing {
        /// The last that was tried.
        tried: Option<Control>,
        /// Whether one was expected to.
        expected: Expected,
    },
}

/// Whether a control was expected to get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Through,
    /// Nothing was said about it.
    Nothing,
}

impl Proof {
    pub(crate) fn of(attack: &Attack, control: Option<Control>, unproven: Option<&Unproven>) -> Self {
        let reason = unproven.and_then(|unproven| unproven.0.get(&attack.path()));
        match (control, reason) {
            (Some(control), _) if control.proves() => Self::Shown(control),
            (_, Some(reason)) => Self::Excused { reason: reason.clone() },
            (tried, None) => {
                let expected = if unproven.is_some() { Expected::Through } else { Expected::Nothing };
                Self::Missing { tried, expected }
            }
        }
    }

    /// One word for the table.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Shown(control) => control.place.word(),
            Self::Excused { .. } => "excused",
            Self::Missing { expected: Expected::Nothing, .. } => "-",
            Self::Missing { expected: Expected::Through, .. } => "MISSING",
        }
    }

    /// What there is to say about an attack that was not shown to work. `None`: it was, or nothing was tried.
    pub(crate) fn complaint(&self) -> Option<String> {
        match self {
            Self::Shown(_) | Self::Missing { tried: None, expected: Expected::Nothing } => None,
            Self::Excused { reason } => Some(format!("no control: {reason}")),
            Self::Missing { tried: None, expected: Expected::Through } => {
                Some("no control was run".to_owned())
            }
            Self::Missing { tried: Some(Control { place, outcome }), .. } => {
                let place = match place {
                    Place::Waived => "with its layers waived",
                    Place::Arena => "in the arena",
                };
                Some(format!("the control {place} proves nothing: {} ({})", outcome.word(), outcome.detail()))
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use zeroboot_attack::catalogue;
    use zeroboot_attack::control::{Control, Place};
    use zeroboot_attack::suite::Outcome;

    use super::{Proof, Unproven};

    #[test]
    fn an_unknown_attack_or_a_missing_reason_is_an_error() {
        assert!(Unproven::parse("files/no-such: x").unwrap_err().to_string().contains("no attack"));
        assert!(Unproven::parse("kernel/swap").is_err());
    }

    #[test]
    fn a_missing_proof_is_one_that_nobody_excused() {
        let list = Unproven::parse("kernel/swap: it needs a right over the host").unwrap();
        let word = |path: &str, outcome: Outcome, unproven| {
            let attack = catalogue::all().find(|attack| attack.path() == path).unwrap();
            Proof::of(attack, Some(Control { place: Place::Arena, outcome }), unproven).word()
        };
        let (held, through) = (Outcome::Held(String::new()), Outcome::Through(String::new()));
        assert_eq!(word("kernel/swap", held.clone(), Some(&list)), "excused");
        assert_eq!(word("kernel/bpf", held.clone(), Some(&list)), "MISSING");
        assert_eq!(word("kernel/bpf", held, None), "-");
        assert_eq!(word("kernel/swap", through, Some(&list)), "arena");
    }
}
