//! What the sandboxes of one template cost in memory: each is measured at the end of its work, while it waits, and compared
//! with what the template had when it was ready.
//!
//! Never here: asking the sandbox or the template, and letting a measurement that fails be more than a warning.

use std::sync::{Arc, Mutex};

use nix::unistd::Pid;
use procfs::ProcResult;
use procfs::process::{Process, Status};
use tracing::{debug, debug_span, warn};
use zeroboot_telemetry::{Memory, PageMap, SampleError, Sampler};

use super::lock;
use super::outcome::CopiedFrom;
use super::publish::{PublishedPlace, published};
use super::request::MemoryAccount;
use crate::protocol::FrozenPlace;
use crate::words::{self, with_cause};

/// Measures the sandboxes of one template, on any thread.
#[derive(Debug)]
pub(super) struct Meter {
    model: Sampler,
    /// As this process numbers it.
    template: Option<u32>,
    /// Samplers that nobody uses: their buffers are there already.
    idle: Mutex<Vec<Sampler>>,
}

/// The memory of one sandbox.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) memory: Memory,
    /// The largest part first.
    pub(super) copied_from: Vec<CopiedFrom>,
    pub(super) page_map: Option<PageMap>,
}

impl Meter {
    /// For the template below this warden, which is ready to be forked, and of which these places are frozen.
    pub(super) fn of(warden: u32, places: &[FrozenPlace]) -> Self {
        let mut sampler = Sampler::new();
        let template = template_of(warden);
        let baseline = match template {
            Some(template) => {
                let places = places.iter().map(|place| (place.start..place.end, place.name.as_str()));
                let baseline = sampler.baseline(template).map(|baseline| baseline.with_names(places));
                baseline.map_err(|error| words::of(&error))
            }
            None => Err("the process of the template cannot be found in /proc".to_owned()),
        };
        let model = match baseline {
            Ok(baseline) => sampler.against(Arc::new(baseline)),
            Err(cause) => {
                warn!("cannot tell copied memory from fresh memory: {cause}");
                sampler
            }
        };
        let template = template.and_then(|pid| u32::try_from(pid.as_raw()).ok());
        Self { model, template, idle: Mutex::default() }
    }

    /// The process that its sandboxes are compared with.
    pub(super) fn template(&self) -> Option<u32> {
        self.template
    }

    /// Whether it can tell copied memory from fresh memory: with a baseline, and for root.
    pub(super) fn tells_copies(&self) -> bool {
        self.model.is_comparing() && nix::unistd::Uid::effective().is_root()
    }

    /// Measures a sandbox, by its number in the `/proc` of this process. `None`: it has gone.
    pub(super) fn measure(&self, pid: u32, account: MemoryAccount) -> Option<Measured> {
        if account == MemoryAccount::Nothing {
            return None;
        }
        let _span = debug_span!("measure").entered();
        let idle = || lock(&self.idle);
        let reused = idle().pop();
        let mut sampler = reused.unwrap_or_else(|| self.model.clone());
        let measured = look(&mut sampler, pid_t(pid), account);
        idle().push(sampler);
        match measured {
            Ok(measured) => measured,
            Err(SampleError::Gone { .. }) => None,
            Err(error) => {
                warn!(error = words::of(&error), "a sandbox could not be measured");
                None
            }
        }
    }
}

fn look(sampler: &mut Sampler, pid: Pid, account: MemoryAccount) -> Result<Option<Measured>, SampleError> {
    let Some(memory) = sampler.memory(pid)? else { return Ok(None) };
    let mut copied_from: Vec<_> = sampler
        .copied_from()
        .map(|(mapping, amount)| CopiedFrom { mapping: mapping.to_owned(), amount })
        .collect();
    copied_from.sort_by_key(|part| std::cmp::Reverse(part.amount));
    let page_map = if account == MemoryAccount::Map { sampler.page_map(pid)? } else { None };
    Ok(Some(Measured { memory, copied_from, page_map }))
}

/// Why there is no map of a process.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PageMapError {
    /// It is not a sandbox, or has gone.
    #[error("process {0} is not a sandbox on this machine")]
    NoSandbox(u32),
    /// Its pages are somebody else's.
    #[error("no permission to read the pages of process {0}")]
    Hidden(u32),
    /// Looking failed.
    #[error("cannot examine process {pid}")]
    Sample {
        /// Which.
        pid: u32,
        /// Why.
        #[source]
        source: SampleError,
    },
}

with_cause!(PageMapError);

impl PageMapError {
    /// What a person can do about it.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::NoSandbox(_) => Some("give the process id of a sandbox that lives".to_owned()),
            Self::Hidden(_) => Some("run it as root".to_owned()),
            Self::Sample { .. } => None,
        }
    }
}

/// The memory of a sandbox that lives, of this or any other host on this machine, page by page, compared with what its
/// template has now. Frozen memory has the names of before if the host [publishes](fn@super::publish). `pid` is its number in this process's `/proc`.
///
/// # Errors
/// [`PageMapError`].
pub fn page_map_of(pid: u32) -> Result<PageMap, PageMapError> {
    let sample = |source| match source {
        SampleError::Gone { .. } => PageMapError::NoSandbox(pid),
        SampleError::Permission { .. } => PageMapError::Hidden(pid),
        source => PageMapError::Sample { pid, source },
    };
    let stage = parent(pid).filter(|stage| is_warden(*stage) && is_sandbox(pid, *stage));
    let stage = stage.ok_or(PageMapError::NoSandbox(pid))?;
    let template = template_below(stage).ok_or(PageMapError::NoSandbox(pid))?;
    let mut sampler = Sampler::new();
    let baseline = sampler.baseline(template).map_err(sample)?;
    let places = frozen_places(template);
    let places = places.iter().map(|place| (place.start..place.end, place.name.as_str()));
    let baseline = baseline.with_names(places);
    let map = sampler.against(Arc::new(baseline)).page_map(pid_t(pid)).map_err(sample)?;
    map.ok_or(PageMapError::Hidden(pid))
}

/// What of a template's memory was frozen, if its host publishes that: without it the file's name has to do.
fn frozen_places(template: Pid) -> Vec<PublishedPlace> {
    let pid = u32::try_from(template.as_raw()).ok();
    let processes = published().unwrap_or_else(|error| {
        debug!(error = words::of(&error), "frozen memory is shown without its names");
        Vec::new()
    });
    let mut templates = processes.into_iter().flat_map(|process| process.templates);
    templates.find(|template| template.pid == pid).map(|template| template.frozen).unwrap_or_default()
}

/// By the program that it runs, which no sandbox can.
fn is_warden(pid: u32) -> bool {
    let program = process(pid).and_then(|process| process.exe());
    program.is_ok_and(|program| program.to_string_lossy().starts_with("/memfd:zeroboot-warden"))
}

/// Whether it is in a pid namespace of its own below the warden's, and not as its first process, which is the shell.
fn is_sandbox(pid: u32, stage: u32) -> bool {
    let (Some(own), Some(warden)) = (numbers(pid), numbers(stage)) else { return false };
    own.len() > warden.len() && own.last() != Some(&1)
}

/// The first process of the template. Its twins have the same memory but for what each has written since, which is the same pages.
fn template_of(warden: u32) -> Option<Pid> {
    template_below(*children(warden)?.first()?)
}

/// Of those that share a pid namespace with the warden's second stage, all of which are processes of the template, the one with
/// the lowest number there.
fn template_below(stage: u32) -> Option<Pid> {
    let depth = numbers(stage)?.len();
    let number = |pid: u32| numbers(pid).filter(|numbers| numbers.len() == depth)?.last().copied();
    let numbered = children(stage)?.into_iter().filter_map(|pid| Some((number(pid)?, pid)));
    numbered.min().map(|(_, pid)| pid_t(pid))
}

/// See `proc_tid_children(5)`.
fn children(pid: u32) -> Option<Vec<u32>> {
    process(pid).ok()?.task_main_thread().ok()?.children().ok()
}

fn parent(pid: u32) -> Option<u32> {
    u32::try_from(status(pid)?.ppid).ok()
}

/// Its number in each pid namespace that it is in, from this process's on. See `NSpid` in `proc_pid_status(5)`.
fn numbers(pid: u32) -> Option<Vec<i32>> {
    status(pid)?.nspid
}

/// See `proc_pid_status(5)`.
fn status(pid: u32) -> Option<Status> {
    process(pid).ok()?.status().ok()
}

fn process(pid: u32) -> ProcResult<Process> {
    Process::new(i32::try_from(pid).unwrap_or_default())
}

fn pid_t(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).unwrap_or_default())
}
