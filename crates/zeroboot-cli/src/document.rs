//! The JSON of one sandbox, and of a summary. A figure that is not known is absent or null, never zero.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::collected::CollectedDocument;
use base64::Engine;
use serde::Serialize;
use zeroboot::{Account, CgroupUsage, Kib, Outcome, PoolCounters, RunError, Seal, Status, Storm, StormKind};

#[derive(Debug, Serialize)]
pub(crate) struct Document {
    outcome: Ending,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    stdout: String,
    stderr: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stdout_b64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stderr_b64: Option<String>,
    times_us: Option<Times>,
    faults: Option<Faults>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    storms: Vec<StormDocument>,
    memory: Option<Memory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    copied_from: Option<Vec<CopiedFrom>>,
    cpu_us: Option<Cpu>,
    cgroup: Option<Cgroup>,
    /// By the names of a policy file; null when nothing is known of the sandbox.
    limits_met: Option<Vec<&'static str>>,
    seal: Option<SealDocument>,
    #[serde(flatten)]
    collected: Option<CollectedDocument>,
}

#[derive(Debug, Serialize)]
struct Ending {
    kind: &'static str,
    code: Option<u8>,
    signal: Option<i32>,
}

#[derive(Debug, Serialize)]
struct Times {
    spawn: f64,
    run: f64,
    first_output: Option<f64>,
    total: f64,
    steps: BTreeMap<&'static str, f64>,
}

#[derive(Debug, Serialize)]
struct Faults {
    minor: u64,
    major: u64,
    /// Null when nobody looked.
    storm: Option<bool>,
}

/// A burst of page faults.
#[derive(Debug, Serialize)]
struct StormDocument {
    began_us: f64,
    seen_us: f64,
    duration_us: f64,
    faults: u64,
    peak_per_s: u64,
    kind: Option<&'static str>,
    action: &'static str,
}

#[derive(Debug, Default, Serialize)]
struct Memory {
    #[serde(skip_serializing_if = "Option::is_none")]
    copied_kib: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zeroed_kib: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shared_kib: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_kib: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    swapped_kib: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page_tables_kib: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_kib: Option<u64>,
}

/// A part of the copied memory.
#[derive(Debug, Serialize)]
pub(crate) struct CopiedFrom {
    mapping: String,
    kib: u64,
}

#[derive(Debug, Serialize)]
struct Cpu {
    user: f64,
    system: f64,
}

/// What a cgroup has counted.
#[derive(Debug, Serialize)]
struct Cgroup {
    peak_kib: Option<u64>,
    oom_kills: Option<u64>,
    refused_processes: Option<u64>,
    throttled_us: Option<f64>,
}

/// What a cgroup bounds.
#[derive(Debug, Serialize)]
struct Bounds {
    leaf: String,
    memory_kib: Option<u64>,
    processes: Option<u64>,
    cpus: Option<f64>,
}

#[derive(Debug, Serialize)]
struct SealDocument {
    no_new_privs: bool,
    seccomp_filters: u32,
    capabilities: u32,
    namespaces: Vec<&'static str>,
    landlock: Option<u32>,
    cgroup: Option<Bounds>,
    missing: Vec<&'static str>,
}

/// What was counted over several sandboxes.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Summary {
    pub(crate) sandboxes: usize,
    pub(crate) succeeded: usize,
    pub(crate) elapsed_us: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pool: Option<PoolSummary>,
    /// What a sandbox has copied on the average, the largest part first; absent where it is not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) copied_from: Vec<CopiedFrom>,
}

impl Summary {
    /// The mappings of which most is copied, in a line; `None` where that is not known.
    pub(crate) fn most_copied(&self) -> Option<String> {
        let words = |part: &CopiedFrom| format!("{} KiB of {}", part.kib, part.mapping);
        let parts: Vec<_> = self.copied_from.iter().take(4).map(words).collect();
        (!parts.is_empty()).then(|| format!("each has copied {}", parts.join(", ")))
    }
}

/// What several sandboxes have copied, all together.
#[derive(Debug, Default)]
pub(crate) struct Copied {
    sandboxes: u64,
    kib: BTreeMap<String, u64>,
}

impl Copied {
    /// One sandbox more, if it is known of it.
    pub(crate) fn add(&mut self, account: &Account) {
        self.sandboxes += u64::from(account.memory.and_then(|memory| memory.copied_kib).is_some());
        for part in &account.copied_from {
            *self.kib.entry(part.mapping.clone()).or_default() += part.amount.0;
        }
    }

    /// Of one sandbox on the average, the largest part first.
    pub(crate) fn mean(self) -> Vec<CopiedFrom> {
        let sandboxes = self.sandboxes.max(1);
        let mean = self.kib.into_iter().map(|(mapping, kib)| CopiedFrom { mapping, kib: kib / sandboxes });
        let mut mean: Vec<_> = mean.filter(|part| part.kib > 0).collect();
        mean.sort_by_key(|part| Reverse(part.kib));
        mean
    }
}

/// What the pool has done meanwhile.
#[derive(Debug, Serialize)]
pub(crate) struct PoolSummary {
    pub(crate) hits: u64,
    misses: u64,
    refills: u64,
    refill_us: f64,
    died: u64,
    failures: u64,
}

impl PoolSummary {
    pub(crate) fn of(counters: &PoolCounters) -> Self {
        Self {
            hits: counters.hits,
            misses: counters.misses,
            refills: counters.refills,
            refill_us: us(counters.refill_time),
            died: counters.died,
            failures: counters.failures,
        }
    }
}

pub(crate) fn us(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e9).round() / 1e3
}

impl Document {
    pub(crate) fn of(result: &Result<Outcome, RunError>) -> Self {
        match result {
            Ok(outcome) => Self::of_outcome(outcome),
            Err(error) => Self {
                outcome: Ending { kind: "failed", code: None, signal: None },
                error: Some(error.cause()),
                stdout: String::new(),
                stderr: String::new(),
                stdout_b64: None,
                stderr_b64: None,
                times_us: None,
                faults: None,
                storms: Vec::new(),
                memory: None,
                copied_from: None,
                cpu_us: None,
                cgroup: None,
                limits_met: None,
                seal: None,
                collected: None,
            },
        }
    }

    fn of_outcome(outcome: &Outcome) -> Self {
        let account = &outcome.account;
        let times = &account.times;
        Self {
            outcome: Ending::of(outcome.status),
            error: None,
            stdout: outcome.stdout_lossy().into_owned(),
            stderr: outcome.stderr_lossy().into_owned(),
            stdout_b64: base64_unless_text(&outcome.stdout),
            stderr_b64: base64_unless_text(&outcome.stderr),
            times_us: Some(Times {
                spawn: us(times.spawn),
                run: us(times.run),
                first_output: times.first_output.map(us),
                total: us(times.total),
                steps: times.steps.iter().map(|(name, time)| (*name, us(*time))).collect(),
            }),
            faults: account.faults.map(|faults| Faults {
                minor: faults.minor,
                major: faults.major,
                storm: account.storms.as_ref().map(|storms| !storms.is_empty()),
            }),
            storms: account.storms.iter().flatten().map(StormDocument::of).collect(),
            memory: Memory::of(account),
            copied_from: account.memory.and_then(|memory| memory.copied_kib).map(|_| copied_from(account)),
            cpu_us: account.cpu.map(|cpu| Cpu { user: us(cpu.user), system: us(cpu.system) }),
            cgroup: Cgroup::of(account.cgroup),
            limits_met: Some(account.limits_met.iter().map(|limit| limit.name()).collect()),
            seal: outcome.seal.as_ref().map(SealDocument::of),
            collected: outcome.collected.as_ref().map(CollectedDocument::of),
        }
    }
}

impl Ending {
    fn of(status: Status) -> Self {
        let (kind, code, signal) = match status {
            Status::Exited(code) => ("exited", Some(code), None),
            Status::Signaled(signal) => ("signaled", None, Some(signal)),
            Status::Deadline => ("deadline", None, None),
            Status::OutputLimit => ("output", None, None),
            Status::MemoryLimit => ("memory", None, None),
            Status::Storm => ("storm", None, None),
            // The type may grow; a kind without a name is not to be passed off as another.
            _ => ("other", None, None),
        };
        Self { kind, code, signal }
    }
}

impl StormDocument {
    fn of(storm: &Storm) -> Self {
        Self {
            began_us: us(storm.began),
            seen_us: us(storm.seen),
            duration_us: us(storm.duration),
            faults: storm.faults,
            peak_per_s: storm.peak.0,
            kind: storm.kind.map(StormKind::name),
            action: storm.action.name(),
        }
    }
}

impl Memory {
    /// `None` when nothing is known.
    fn of(account: &Account) -> Option<Self> {
        let kib = |amount: Kib| amount.0;
        let peak_kib = account.peak.map(kib);
        let Some(memory) = account.memory else {
            return peak_kib.map(|peak| Self { peak_kib: Some(peak), ..Self::default() });
        };
        Some(Self {
            copied_kib: memory.copied_kib.map(kib),
            zeroed_kib: memory.zeroed_kib.map(kib),
            shared_kib: memory.shared_kib.map(kib),
            private_kib: memory.private_kib.map(kib),
            swapped_kib: Some(memory.swapped_kib.0),
            page_tables_kib: Some(memory.page_tables_kib.0),
            peak_kib: peak_kib.or(Some(memory.peak_kib.0)),
        })
    }
}

fn copied_from(account: &Account) -> Vec<CopiedFrom> {
    let part = |part: &zeroboot::CopiedFrom| CopiedFrom { mapping: part.mapping.clone(), kib: part.amount.0 };
    account.copied_from.iter().map(part).collect()
}

impl Cgroup {
    /// `None` when there was none, or none that counts anything.
    fn of(usage: CgroupUsage) -> Option<Self> {
        let counted = Self {
            peak_kib: usage.memory_peak.map(|peak| peak.0 >> 10),
            oom_kills: usage.oom_kills,
            refused_processes: usage.refused_processes,
            throttled_us: usage.throttled.map(us),
        };
        (usage != CgroupUsage::default()).then_some(counted)
    }
}

impl SealDocument {
    fn of(seal: &Seal) -> Self {
        Self {
            no_new_privs: seal.no_new_privs,
            seccomp_filters: seal.seccomp_filters,
            capabilities: seal.capabilities,
            namespaces: seal.namespaces.iter().map(|namespace| namespace.name()).collect(),
            landlock: seal.landlock,
            cgroup: seal.cgroup.as_ref().map(|bounds| Bounds {
                leaf: bounds.leaf.clone(),
                memory_kib: bounds.memory.map(|size| size.0 >> 10),
                processes: bounds.processes,
                cpus: bounds.cpus.map(|cpus| f64::from(cpus.to_milli()) / 1e3),
            }),
            missing: seal.missing.iter().map(|missing| missing.name()).collect(),
        }
    }
}

pub(crate) fn base64_unless_text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).is_err().then(|| base64::engine::general_purpose::STANDARD.encode(bytes))
}
