//! What the status line adds about limits: those that sandboxes have met, and one that does not hold for a whole sandbox.

use std::collections::BTreeMap;

use zeroboot::{LimitMet, Missing, Network, Outcome, Policy};

/// What there is to add.
#[derive(Debug)]
pub(crate) struct Notes {
    has_memory_limit: bool,
    is_per_process: bool,
    is_without_network: bool,
    wants_network: bool,
    /// How many sandboxes have met each limit.
    met: BTreeMap<LimitMet, usize>,
}

impl Notes {
    /// None yet, of sandboxes of this policy.
    pub(crate) fn of(policy: &Policy) -> Self {
        Self {
            has_memory_limit: policy.limits.memory.is_some(),
            is_per_process: false,
            is_without_network: policy.network == Network::None,
            wants_network: false,
            met: BTreeMap::new(),
        }
    }

    /// One sandbox more.
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        let lacks_limit = |seal: &zeroboot::Seal| seal.missing.contains(&Missing::MemoryLimit);
        self.is_per_process |= self.has_memory_limit && outcome.seal.as_ref().is_some_and(lacks_limit);
        self.wants_network |= self.is_without_network && outcome.wants_network;
        for limit in &outcome.account.limits_met {
            *self.met.entry(*limit).or_default() += 1;
        }
    }

    /// After the account of a single sandbox, which says itself what it has met.
    pub(crate) fn of_one(&self) -> &'static str {
        if self.is_per_process { ", memory limited per process" } else { "" }
    }

    /// A line of its own.
    pub(crate) fn remedy(&self) -> Option<&'static str> {
        self.wants_network
            .then_some("the network is off; --network loopback gives a sandbox a loopback of its own")
    }

    /// After the counts of several.
    pub(crate) fn of_many(&self) -> String {
        let met =
            self.met.iter().map(|(limit, count)| format!(", {count} met their limit of {}", limit.what()));
        met.chain([self.of_one().to_owned()]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_counted_and_nothing_is_said_without_cause() {
        let mut notes = Notes::of(&Policy::strict());
        assert_eq!((notes.of_one(), notes.of_many().as_str()), ("", ""));
        notes.met = [(LimitMet::PrivateSpace, 2), (LimitMet::Processes, 1)].into();
        notes.is_per_process = true;
        let said = ", 1 met their limit of processes, 2 met their limit of private space, memory limited per process";
        assert_eq!(notes.of_many(), said);
    }
}
