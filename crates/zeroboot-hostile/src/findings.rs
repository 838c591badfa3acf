//! What breaks a promise, and what it is called.

use std::fmt;
use std::str::FromStr;

/// A broken promise.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    pub(crate) what: String,
}

/// Which promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The call returns at the deadline plus a bounded time.
    Late,
    /// The outcome is what the kernel knows.
    End,
    /// What was written before the end arrives.
    Output,
    /// What was burned is in the account.
    Account,
    /// What is refused is refused.
    Through,
    /// An honest sibling gets what is its own.
    Sibling,
    /// Host, warden and template hold what they held, and nothing is left.
    Left,
    /// The host does not fail for what a sandbox does.
    Error,
    /// The host does not panic.
    Panic,
}

impl Kind {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Late, "late"),
        (Self::End, "end"),
        (Self::Output, "output"),
        (Self::Account, "account"),
        (Self::Through, "through"),
        (Self::Sibling, "sibling"),
        (Self::Left, "left"),
        (Self::Error, "error"),
        (Self::Panic, "panic"),
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::ALL.iter().find(|(kind, _)| kind == self);
        to.pad(named.map_or("?", |(_, name)| name))
    }
}

impl FromStr for Kind {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> anyhow::Result<Self> {
        let names = || Self::ALL.map(|(_, name)| name).join(", ");
        let named = Self::ALL.iter().find(|(_, each)| *each == name).map(|(kind, _)| *kind);
        named.ok_or_else(|| anyhow::anyhow!("there is no kind {name:?}\nremedy: one of {}", names()))
    }
}

impl Finding {
    pub(crate) fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn a_kind_is_read_as_it_is_written() {
        for (kind, name) in Kind::ALL {
            assert_eq!((kind.to_string().as_str(), name.parse::<Kind>().ok()), (name, Some(kind)));
        }
        assert!("none".parse::<Kind>().is_err());
    }
}
