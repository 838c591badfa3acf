//! What is done about storms: bursts of page faults, each of which copies or zeroes a page.
//!
//! Plain data. Never here: how a storm is noticed, and who does what is to be done.

use std::time::Duration;

use super::Cpus;

/// What is done about a storm, besides telling it. Whatever it is, it is in the account, and an event is emitted when it
/// begins and when it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum StormAction {
    /// Nobody looks, and the account knows of no storm.
    Off,
    /// Nothing else.
    #[default]
    Report,
    /// The sandbox gets less CPU time while it lasts: by its cgroup. There is nothing to fall back to: where CPU time cannot
    /// be bounded, there is no template, unless cgroups are waived.
    Throttle,
    /// The sandbox is ended.
    Kill,
}

impl StormAction {
    /// Every action.
    pub const ALL: [Self; 4] = [Self::Off, Self::Report, Self::Throttle, Self::Kill];

    /// Its name in a policy file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Report => "report",
            Self::Throttle => "throttle",
            Self::Kill => "kill",
        }
    }
}

/// When a storm begins and ends, and what is done about it.
///
/// ```
/// use std::time::Duration;
/// use zeroboot_isolation::policy::{Policy, StormAction, StormPolicy};
///
/// let storm = StormPolicy::of(StormAction::Kill).begins_at(20_000, Duration::from_millis(100));
/// let policy = Policy::strict().storm(storm);
/// assert_eq!(policy.storm.begin_faults, 20_000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct StormPolicy {
    /// What is done.
    pub action: StormAction,
    /// One begins with so many page faults ...
    pub begin_faults: u64,
    /// ... within this time.
    pub begin_within: Duration,
    /// It has ended when there were fewer ...
    pub end_faults: u64,
    /// ... for all of this time.
    pub end_within: Duration,
    /// How much CPU time a throttled sandbox has, if its own limit is not lower still.
    pub throttle: Cpus,
}

impl StormPolicy {
    /// The shortest time in which a storm can be told from a calm: a sandbox is looked at twice in it.
    pub const SHORTEST: Duration = Duration::from_millis(20);

    /// With the limits of [`StormPolicy::default`].
    #[must_use]
    pub fn of(action: StormAction) -> Self {
        Self { action, ..Self::default() }
    }

    /// Sets when one begins: with at least one fault, and a time of [`StormPolicy::SHORTEST`] or more.
    #[must_use]
    pub fn begins_at(mut self, faults: u64, within: Duration) -> Self {
        (self.begin_faults, self.begin_within) = (faults.max(1), within.max(Self::SHORTEST));
        self
    }

    /// Sets when it has ended, with the same bounds as [`begins_at`](Self::begins_at).
    #[must_use]
    pub fn ends_below(mut self, faults: u64, within: Duration) -> Self {
        (self.end_faults, self.end_within) = (faults.max(1), within.max(Self::SHORTEST));
        self
    }

    /// Sets how much CPU time a throttled sandbox has.
    #[must_use]
    pub fn throttled_to(mut self, cpus: Cpus) -> Self {
        self.throttle = cpus;
        self
    }
}

impl Default for StormPolicy {
    /// Reports. A storm begins with 10,240 faults within 100 ms, and has ended when 200 ms have had fewer than 2,048; a throttled
    /// sandbox has a tenth of a processor.
    fn default() -> Self {
        Self {
            action: StormAction::default(),
            begin_faults: 10_240,
            begin_within: Duration::from_millis(100),
            end_faults: 2048,
            end_within: Duration::from_millis(200),
            throttle: Cpus::milli(100),
        }
    }
}
