//! One run's part: when its sandbox is looked at, what is done about a storm, and what is told of it.
//!
//! Never here: reading faults.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use nix::unistd::Pid;
use tracing::{debug, warn};
use zeroboot_isolation::cgroup::{Controller, LeafReader};
use zeroboot_isolation::policy::{Cpus, StormAction, StormPolicy};
use zeroboot_isolation::seal::Seal;
use zeroboot_telemetry::storm::{CountError, Event, FaultCounter, Kind, Limits, Pace};
use zeroboot_telemetry::{Kib, SampleError};

use super::watched::Watched;
use super::{PERIOD, thread};
use crate::host::live::Live;
use crate::host::meter::Measured;
use crate::host::outcome::Storm;
use crate::host::request::MemoryAccount;
use crate::words;

/// What a run looks out for, and what it has seen.
#[derive(Debug)]
pub(in crate::host) struct Lookout {
    policy: StormPolicy,
    stage: Stage,
    /// Those that have ended. Their times are those of all readings.
    storms: Vec<Storm>,
    current: Option<Current>,
    /// What was copied and zeroed when the last storm had ended.
    before: Parts,
}

#[derive(Debug)]
enum Stage {
    /// Nobody looks.
    Blind,
    /// It is not worth it yet.
    Due(Instant),
    /// It was never worth it.
    Over,
    Watching {
        watched: Arc<Watched>,
        leaf: Option<LeafReader>,
    },
}

/// A storm that has begun.
#[derive(Debug)]
struct Current {
    seen: Duration,
    action: StormAction,
    /// How many faults there were until it was seen.
    faults: u64,
    /// What was copied and zeroed then.
    parts: Option<Parts>,
}

/// Whether a run can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::host) enum News {
    /// It can.
    Fine,
    /// The sandbox is to be ended.
    Deadly,
}

/// Memory that a sandbox has for itself.
#[derive(Debug, Clone, Copy, Default)]
struct Parts {
    copied: Kib,
    zeroed: Kib,
}

impl Parts {
    fn of(measured: &Measured) -> Option<Self> {
        Some(Self { copied: measured.memory.copied_kib?, zeroed: measured.memory.zeroed_kib? })
    }

    /// What so many faults after `earlier` were for.
    fn kind_since(self, earlier: Self, faults: u64) -> Option<Kind> {
        Kind::of(self.copied.since(earlier.copied), self.zeroed.since(earlier.zeroed), faults)
    }
}

/// Why nobody looks.
#[derive(Debug, thiserror::Error)]
enum BlindError {
    #[error("it has ended")]
    Gone,
    #[error("its cgroup cannot be opened")]
    Leaf(#[source] std::io::Error),
    #[error(transparent)]
    Count(#[from] CountError),
    #[error("no timer can be made")]
    Alarm(#[source] Errno),
    #[error("no thread can be started")]
    Thread(#[source] std::io::Error),
}

impl Lookout {
    /// For a run that begins now.
    pub(in crate::host) fn begin(live: &Live) -> Self {
        let policy = live.generation.policy().storm;
        let stage = match policy.action {
            StormAction::Off => Stage::Blind,
            _ => Stage::Due(Instant::now() + PERIOD),
        };
        Self { policy, stage, storms: Vec::new(), current: None, before: Parts::default() }
    }

    /// In what time [`look_if_due`](Self::look_if_due) wants to be called, rounded up to what can be waited for.
    pub(in crate::host) fn due(&self) -> Option<Duration> {
        match self.stage {
            Stage::Due(due) => Some(due.saturating_duration_since(Instant::now()) + Duration::from_millis(1)),
            _ => None,
        }
    }

    /// Has the sandbox looked at, once it has lived long enough.
    pub(in crate::host) fn look_if_due(&mut self, live: &mut Live) {
        let Stage::Due(due) = self.stage else { return };
        let now = Instant::now();
        if now < due {
            return;
        }
        self.stage = match (live.exit, live.pid(), live.seal()) {
            (None, Some(pid), Some(seal)) => match watch(live, pid, seal, limits(&self.policy)) {
                Ok((watched, leaf)) => {
                    live.watched = Some(Arc::clone(&watched));
                    Stage::Watching { watched, leaf }
                }
                Err(error) if error.is_of_an_end() => Stage::Over,
                Err(error) => {
                    warn!(pid, error = words::of(&error), "a sandbox is not watched for storms");
                    Stage::Blind
                }
            },
            // Its code does not run yet, as far as is known.
            (None, ..) => Stage::Due(now + PERIOD),
            (Some(_), ..) => Stage::Over,
        };
    }

    /// What tells of a storm.
    pub(in crate::host) fn waits_for(&self) -> Option<PollFd<'_>> {
        match &self.stage {
            Stage::Watching { watched, .. } => Some(PollFd::new(watched.alarm(), PollFlags::POLLIN)),
            _ => None,
        }
    }

    /// Does what is to be done about what was told.
    pub(in crate::host) fn hear(&mut self, live: &Live) -> News {
        let Stage::Watching { watched, .. } = &self.stage else { return News::Fine };
        let events = watched.take_events();
        let mut news = News::Fine;
        // Looking takes its time: while others are waiting to be judged only the last is looked at.
        let last = events.len().saturating_sub(1);
        for (index, event) in events.into_iter().enumerate() {
            let parts = || if index == last { parts(live) } else { None };
            match event {
                Event::Began { .. } => {
                    let action = self.act(live.generation.policy().limits.cpus);
                    // One that is to be ended is not kept alive to be looked at.
                    let parts = if action == StormAction::Kill { None } else { parts() };
                    self.begin_storm(event, action, parts, live);
                    if action == StormAction::Kill {
                        news = News::Deadly;
                    }
                }
                Event::Ended { .. } => {
                    self.calm(live.generation.policy().limits.cpus);
                    self.end_storm(event, parts(), live.pid());
                }
                _ => {}
            }
        }
        news
    }

    /// Everything that was seen, in times after the first user instruction, which came so long after the request. `None` when
    /// nobody looked.
    pub(in crate::host) fn finish(
        mut self,
        live: &Live,
        measured: Option<&Measured>,
        spawn: Duration,
    ) -> Option<Vec<Storm>> {
        match &self.stage {
            Stage::Blind => return None,
            Stage::Due(_) | Stage::Over => return Some(Vec::new()),
            Stage::Watching { watched, .. } => {
                for event in watched.finish() {
                    match event {
                        Event::Began { .. } => self.begin_storm(event, StormAction::Report, None, live),
                        _ => self.end_storm(event, measured.and_then(Parts::of), live.pid()),
                    }
                }
            }
        }
        let start = Duration::from_nanos(live.asked) + spawn;
        for storm in &mut self.storms {
            storm.began = storm.began.saturating_sub(start);
            storm.seen = storm.seen.saturating_sub(start);
        }
        Some(self.storms)
    }

    /// Does what the policy says; gives what was done.
    fn act(&self, limit: Option<Cpus>) -> StormAction {
        let Stage::Watching { leaf, .. } = &self.stage else { return StormAction::Report };
        match (self.policy.action, leaf) {
            (StormAction::Throttle, Some(leaf)) => {
                let less = limit.map_or(self.policy.throttle, |limit| limit.min(self.policy.throttle));
                match leaf.set_cpus(Some(less)) {
                    Ok(()) => StormAction::Throttle,
                    Err(error) => {
                        warn!(%error, "a sandbox cannot be throttled");
                        StormAction::Report
                    }
                }
            }
            // The seal says that it cannot be.
            (StormAction::Throttle, None) => StormAction::Report,
            (action, _) => action,
        }
    }

    /// Takes back what was done.
    fn calm(&self, limit: Option<Cpus>) {
        let is_throttled =
            self.current.as_ref().is_some_and(|current| current.action == StormAction::Throttle);
        let Stage::Watching { leaf: Some(leaf), .. } = &self.stage else { return };
        if is_throttled && let Err(error) = leaf.set_cpus(limit) {
            warn!(%error, "a sandbox stays throttled after its storm");
        }
    }

    fn begin_storm(&mut self, began: Event, action: StormAction, parts: Option<Parts>, live: &Live) {
        let Event::Began { seen, faults, rate, .. } = began else { return };
        let (per_second, name, pid) = (rate.0, action.name(), live.pid());
        live.generation.metrics().storm();
        live.resident.iter().for_each(|resident| resident.storm());
        warn!(pid, faults, per_second, action = name, "a storm of page faults has begun");
        self.current = Some(Current { seen, action, faults, parts });
    }

    fn end_storm(&mut self, ended: Event, parts: Option<Parts>, pid: Option<u32>) {
        let (Event::Ended { began, duration, faults, peak }, Some(current)) = (ended, self.current.take())
        else {
            return;
        };
        // What came before it was seen and what came after are judged apart: the larger part counts.
        let early = current.parts.and_then(|parts| parts.kind_since(self.before, current.faults));
        let (earlier, counted) = match current.parts {
            Some(parts) => (parts, faults.saturating_sub(current.faults)),
            None => (self.before, faults),
        };
        let late = parts.and_then(|parts| parts.kind_since(earlier, counted));
        let kind = if counted > current.faults { late.or(early) } else { early.or(late) };
        self.before = parts.or(current.parts).unwrap_or(self.before);

        let (ms, peak_per_second, name) = (duration.as_millis(), peak.0, kind.map(Kind::name));
        // One warning a storm is enough: the account has the rest.
        debug!(pid, faults, ms, peak_per_second, kind = name, "a storm of page faults has ended");
        if self.storms.len() < Storm::MOST {
            let Current { seen, action, .. } = current;
            self.storms.push(Storm { began, seen, duration, faults, peak, kind, action });
        }
    }
}

impl BlindError {
    /// Whether it only says that the sandbox is gone: how is told by its report.
    fn is_of_an_end(&self) -> bool {
        match self {
            Self::Gone => true,
            Self::Leaf(error) => error.kind() == std::io::ErrorKind::NotFound,
            Self::Count(CountError::Gone(_) | CountError::Process(SampleError::Gone { .. })) => true,
            Self::Count(CountError::Open { source, .. }) => matches!(source, Errno::ENOENT | Errno::ENODEV),
            _ => false,
        }
    }
}

/// Has a sandbox looked at from now on.
fn watch(
    live: &Live,
    pid: u32,
    seal: &Seal,
    limits: Limits,
) -> Result<(Arc<Watched>, Option<LeafReader>), BlindError> {
    let leaf = live.generation.group().zip(seal.cgroup.as_ref());
    let leaf = leaf.map(|(group, bounds)| group.open_leaf(bounds)).transpose().map_err(BlindError::Leaf)?;
    let counter = match &leaf {
        Some(leaf) if leaf.controllers().has(Controller::Memory) => {
            FaultCounter::of_cgroup(leaf.directory())?
        }
        _ => FaultCounter::of_process(Pid::from_raw(i32::try_from(pid).unwrap_or_default()))?,
    };
    if !live.has_its_number() {
        return Err(BlindError::Gone);
    }
    // What one that was parked has faulted on before its claim is not known.
    let start = live.claimed.is_none().then(|| Duration::from_nanos(live.asked));
    let watched = Watched::new(counter, limits, start).map_err(BlindError::Alarm)?;
    thread::enrol(&watched).map_err(BlindError::Thread)?;
    let leaf = leaf.filter(|leaf| leaf.controllers().has(Controller::Cpu));
    Ok((watched, leaf))
}

/// What it has for itself now.
fn parts(live: &Live) -> Option<Parts> {
    // In the middle of a storm nothing is read that could not tell.
    let measured = live.generation.meter().tells_copies().then(|| live.look(MemoryAccount::Sums));
    measured.flatten().as_ref().and_then(Parts::of)
}

fn limits(policy: &StormPolicy) -> Limits {
    Limits {
        begin: Pace { faults: policy.begin_faults, within: policy.begin_within },
        end: Pace { faults: policy.end_faults, within: policy.end_within },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_and_the_detector_mean_the_same_by_default() {
        assert_eq!(limits(&StormPolicy::default()), Limits::default());
    }
}
