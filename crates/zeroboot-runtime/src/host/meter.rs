//! What the sandboxes of one template cost in memory: each is measured at the end of its work, while it waits, and compared
//! with what the template had when it was ready.
//!
//! Never here: asking the sandbox or the template, and letting a measurement that fails be more than a warning.

use std::fs::read_to_string;
use std::sync::{Arc, Mutex, PoisonError};

use nix::unistd::Pid;
use tracing::{debug_span, warn};
use zeroboot_telemetry::{Memory, SampleError, Sampler};

use super::outcome::CopiedFrom;
use crate::words;

/// Measures the sandboxes of one template, on any thread.
#[derive(Debug)]
pub(super) struct Meter {
    model: Sampler,
    /// Samplers that nobody uses: their buffers are there already.
    idle: Mutex<Vec<Sampler>>,
}

/// The memory of one sandbox.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) memory: Memory,
    /// The largest part first.
    pub(super) copied_from: Vec<CopiedFrom>,
}

impl Meter {
    /// For the template below this warden, which is ready to be forked.
    pub(super) fn of(warden: u32) -> Self {
        let mut sampler = Sampler::new();
        let baseline = match template_of(warden) {
            Some(template) => sampler.baseline(template).map_err(|error| words::of(&error)),
            None => Err("the process of the template cannot be found in /proc".to_owned()),
        };
        let model = match baseline {
            Ok(baseline) => sampler.against(Arc::new(baseline)),
            Err(cause) => {
                warn!("copied memory will not be told from fresh memory: {cause}");
                sampler
            }
        };
        Self { model, idle: Mutex::default() }
    }

    /// Measures a sandbox, by its number in the `/proc` of this process. `None`: it has gone.
    pub(super) fn measure(&self, pid: u32) -> Option<Measured> {
        let _span = debug_span!("measure").entered();
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let reused = idle().pop();
        let mut sampler = reused.unwrap_or_else(|| self.model.clone());
        let memory = sampler.memory(pid_t(pid));
        let mut copied_from: Vec<_> = sampler
            .copied_from()
            .map(|(mapping, amount)| CopiedFrom { mapping: mapping.to_owned(), amount })
            .collect();
        copied_from.sort_by_key(|part| std::cmp::Reverse(part.amount));
        idle().push(sampler);
        match memory {
            Ok(memory) => memory.map(|memory| Measured { memory, copied_from }),
            Err(SampleError::Gone { .. }) => None,
            Err(error) => {
                warn!(error = words::of(&error), "a sandbox could not be measured");
                None
            }
        }
    }
}

/// The only one of the warden's processes that shares a pid namespace with the warden's second stage.
fn template_of(warden: u32) -> Option<Pid> {
    let stage = *children(warden)?.first()?;
    let depth = numbers(stage)?.len();
    let is_template = |pid: &u32| numbers(*pid).is_some_and(|numbers| numbers.len() == depth);
    children(stage)?.into_iter().find(is_template).map(pid_t)
}

/// See `proc_tid_children(5)`.
fn children(pid: u32) -> Option<Vec<u32>> {
    let text = read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    text.split_ascii_whitespace().map(|number| number.parse().ok()).collect()
}

/// Its number in each pid namespace that it is in, from this process's on. See `NSpid` in `proc_pid_status(5)`.
fn numbers(pid: u32) -> Option<Vec<u32>> {
    let status = read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    line.split_ascii_whitespace().map(|number| number.parse().ok()).collect()
}

fn pid_t(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).unwrap_or_default())
}
