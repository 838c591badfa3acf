//! One living template: its processes, and the sockets to them.

use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tracing::{debug, debug_span, error};
use zeroboot_fork::fd::{self, Waiting};
use zeroboot_isolation::cgroup::{Controller, Controllers, GroupReader};
use zeroboot_isolation::policy::{Policy, Protection, Protections, Rule, StormAction};
use zeroboot_isolation::seal::SealReader;
use zeroboot_isolation::world::IdMap;

use super::embedded::WARDEN;
use super::error::BuildError;
use super::meter::Meter;
use super::metrics::Metrics;
use super::ready::Ready;
use super::recipe::Recipe;
use super::wear::Wear;
use crate::protocol::{
    CgroupSetup, FromTemplate, FromWarden, MadeGroup, NoGroup, TEXT_LIMIT, TemplateSetup, ToWarden,
};

/// How much of what a warm-up prints is kept, in bytes: its end.
const SAID_LIMIT: usize = 16 * 1024;

/// A template that serves. Dropping it ends the template and every sandbox of it, and waits until they are gone.
#[derive(Debug)]
pub(super) struct Generation {
    control: Option<OwnedFd>,
    warden: Option<OwnedFd>,
    process: Child,
    seals: SealReader,
    /// Once it serves.
    meter: Option<Meter>,
    policy: Policy,
    group: Option<GroupReader>,
    ready: Ready,
    wear: Wear,
    /// Of all generations of the template.
    metrics: Arc<Metrics>,
}

impl Generation {
    /// Builds one: namespaces, file tree, program, warm-up, audit, seal.
    pub(super) fn build(recipe: &Recipe, metrics: &Arc<Metrics>) -> Result<Self, BuildError> {
        let _span = debug_span!("build").entered();
        let ids = IdMap::of_this_process();
        let (setup, extras) = recipe.setup(ids, bounds(&recipe.policy, ids)?)?;
        let (warden, far_warden) = fd::pair().map_err(resource("the warden's socket"))?;
        let (control, far_control) = fd::pair().map_err(resource("the control socket"))?;
        let (output, far_output) =
            std::io::pipe().map_err(|source| BuildError::Resource { what: "a pipe", source })?;

        let seals = SealReader::new()?;
        let process = start_warden(far_warden)?;
        let (control, warden) = (Some(control), Some(warden));
        let policy = recipe.policy;
        let mut generation = Self {
            control,
            warden,
            process,
            seals,
            meter: None,
            policy,
            group: None,
            ready: Ready::default(),
            wear: Wear::new(),
            metrics: Arc::clone(metrics),
        };
        let mut fds = vec![far_control, far_output.into()];
        fds.extend(extras);
        generation.set_up(&setup, fds, ids)?;
        debug!("the world is ready");

        let rehearsal = recipe.rehearsal().map_err(BuildError::Rehearsal)?;
        let controllers = generation.group.as_ref().map(GroupReader::controllers);
        let first = serde_json::to_vec(&TemplateSetup {
            huge_heap_bytes: recipe.huge_heap(),
            ..TemplateSetup::new(&recipe.policy, ids, controllers, rehearsal.len())
        })
        .map_err(|error| BuildError::Resource { what: "the setup", source: error.into() })?;
        for packet in [first].iter().chain(&rehearsal) {
            // A template that is gone already has more to say about itself than this error.
            let _ = fd::send(generation.control(), packet, &[]);
        }
        generation.ready = generation.await_serving(recipe, output.into())?;
        let meter = Meter::of(generation.process.id());
        metrics.serves(meter.template());
        generation.meter = Some(meter);
        debug!("the template serves");
        Ok(generation)
    }

    /// Where requests go.
    pub(super) fn control(&self) -> std::os::fd::BorrowedFd<'_> {
        self.control.as_ref().expect("taken in drop only").as_fd()
    }

    /// How its sandboxes are looked at.
    pub(super) fn seals(&self) -> &SealReader {
        &self.seals
    }

    /// How the memory of its sandboxes is measured.
    pub(super) fn meter(&self) -> &Meter {
        self.meter.as_ref().expect("set by build")
    }

    /// What bounds them as a whole, if anything.
    pub(super) fn group(&self) -> Option<&GroupReader> {
        self.group.as_ref()
    }

    /// What its sandboxes must have.
    pub(super) fn protections(&self) -> Protections {
        self.policy.protections
    }

    /// What they may do and take.
    pub(super) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Whether they cannot be throttled in a storm although they should.
    pub(super) fn lacks_throttle(&self) -> bool {
        let has_cpu = |group: &GroupReader| group.controllers().has(Controller::Cpu);
        self.policy.storm.action == StormAction::Throttle && !self.group.as_ref().is_some_and(has_cpu)
    }

    /// What was done to its memory.
    pub(super) fn ready(&self) -> &Ready {
        &self.ready
    }

    /// What it has been through.
    pub(super) fn wear(&self) -> &Wear {
        &self.wear
    }

    /// What is counted of it.
    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn warden(&self) -> std::os::fd::BorrowedFd<'_> {
        self.warden.as_ref().expect("taken in drop only").as_fd()
    }

    fn set_up(&mut self, setup: &[u8], fds: Vec<OwnedFd>, ids: IdMap) -> Result<(), BuildError> {
        let borrowed: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
        fd::send(self.warden(), setup, &borrowed).map_err(talk("warden"))?;
        match self.warden_says()? {
            FromWarden::Unshared(Ok(group)) => self.group = group.map(open_group).transpose()?,
            FromWarden::Unshared(Err(cause)) => {
                debug!(cause, "no cgroup: each process is limited for itself")
            }
            FromWarden::NoGroup(NoGroup { cause, mut remedy }) => {
                if self.policy.storm.action == StormAction::Throttle {
                    remedy.push_str("; or have storms reported, not throttled");
                }
                return Err(BuildError::Cgroup { cause, remedy });
            }
            FromWarden::Failed(text) => return Err(BuildError::Warden(text)),
            FromWarden::TemplateEnded(_) => return Err(talk("warden")(Errno::EBADMSG)),
        }
        ids.write(self.process.id())?;
        fd::send(self.warden(), &ToWarden::Mapped.encode(), &[]).map_err(talk("warden"))
    }

    fn warden_says(&self) -> Result<FromWarden, BuildError> {
        let mut packet = vec![0; 1 + TEXT_LIMIT];
        let length = fd::receive_bytes(self.warden(), &mut packet, Waiting::Block).map_err(talk("warden"))?;
        FromWarden::decode(&packet[..length])
            .ok_or_else(|| BuildError::Warden("the warden ended without a word".to_owned()))
    }

    /// Waits for the template's word, and keeps what the warm-up prints meanwhile. Gives how many pages each fork copies,
    /// and how much memory is frozen.
    fn await_serving(&self, recipe: &Recipe, output: OwnedFd) -> Result<Ready, BuildError> {
        let deadline = Instant::now() + recipe.patience;
        let mut output = std::fs::File::from(output);
        let mut printing = true;
        let mut said = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(BuildError::TooSlow(recipe.patience));
            }
            let mut sources = [
                PollFd::new(self.control(), PollFlags::POLLIN),
                PollFd::new(self.warden(), PollFlags::POLLIN),
                PollFd::new(output.as_fd(), PollFlags::POLLIN),
            ];
            let listened = if printing { &mut sources[..] } else { &mut sources[..2] };
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(listened, timeout) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(talk("template")(errno)),
            }
            let [control, warden, prints] = sources.map(|source| source.any() == Some(true));
            if printing && prints {
                printing = keep_end(&mut output, &mut said);
            } else if control {
                return self.template_says(recipe, &said, None);
            } else if warden {
                // The template's word may have come just before its end.
                let word = self.warden_says()?;
                return self.template_says(recipe, &said, Some(word));
            }
        }
    }

    /// Reads the template's word; where there is none, the warden's says why, which may have been read before.
    fn template_says(
        &self,
        recipe: &Recipe,
        said: &[u8],
        warden: Option<FromWarden>,
    ) -> Result<Ready, BuildError> {
        let mut packet = vec![0; 1 + TEXT_LIMIT];
        let mut receive = || fd::receive_bytes(self.control(), &mut packet, Waiting::DontWait);
        let received = match receive() {
            // It left its setup unread. That is told once, before the words that are still there.
            Err(Errno::ECONNRESET) => receive(),
            received => received,
        };
        let length = match received {
            Ok(length) => length,
            Err(Errno::EAGAIN) => 0,
            Err(errno) => return Err(talk("template")(errno)),
        };
        let said = String::from_utf8_lossy(said).trim().to_owned();
        let last_line = |text: &str| text.trim().lines().last().unwrap_or("without a word").to_owned();
        match FromTemplate::decode(&packet[..length]) {
            Some(FromTemplate::Serving(memory)) => {
                if !said.is_empty() {
                    debug!(%said, "what the warm-up printed");
                }
                Ok(Ready::told(memory))
            }
            Some(FromTemplate::WarmUp(text)) => {
                Err(BuildError::WarmUp { cause: last_line(&text), text, said })
            }
            Some(FromTemplate::WarmFile(text)) => {
                let path = recipe.warm_file().unwrap_or_default();
                Err(BuildError::WarmCode { path, cause: last_line(&text), text, said })
            }
            Some(FromTemplate::Unsafe(findings)) => Err(BuildError::unsafe_to_fork(findings.trim())),
            Some(FromTemplate::Seal(cause)) => {
                error!(cause, "the template cannot be sealed");
                Err(BuildError::Seal(cause))
            }
            None => Err(match warden.map_or_else(|| self.warden_says(), Ok) {
                Ok(FromWarden::TemplateEnded(how)) => BuildError::Died { how, said },
                Ok(FromWarden::Failed(text)) => BuildError::Warden(text),
                Ok(FromWarden::Unshared(_) | FromWarden::NoGroup(_)) => talk("warden")(Errno::EBADMSG),
                Err(error) => error,
            }),
        }
    }
}

/// What a cgroup is to bound under this policy, if anything.
fn bounds(policy: &Policy, ids: IdMap) -> Result<Option<CgroupSetup>, BuildError> {
    let rule = |protection| policy.protections.rule(protection);
    // A limit of processes that nothing else can give.
    let counts = ids == IdMap::Single && rule(Protection::ProcessLimit) == Rule::Require;
    if rule(Protection::Cgroup) == Rule::Waive {
        return if counts { Err(BuildError::ProcessLimit) } else { Ok(None) };
    }
    let mut wanted = Controllers::NONE.with(Controller::Memory);
    let mut needed = Controllers::NONE;
    if policy.protections.wants(Protection::ProcessLimit) {
        wanted = wanted.with(Controller::Pids);
    }
    if policy.limits.cpus.is_some() || policy.storm.action == StormAction::Throttle {
        (wanted, needed) = (wanted.with(Controller::Cpu), needed.with(Controller::Cpu));
    }
    if counts {
        needed = needed.with(Controller::Pids);
    }
    if rule(Protection::Cgroup) == Rule::Require {
        needed = wanted;
    }
    Ok(Some(CgroupSetup::new(wanted, needed, &policy.limits)))
}

fn open_group(made: MadeGroup) -> Result<GroupReader, BuildError> {
    GroupReader::open(&made.path, Controllers::from_bits(made.controllers))
        .map_err(|source| BuildError::Resource { what: "a reader of the cgroup", source })
}

impl Drop for Generation {
    fn drop(&mut self) {
        // The warden ends when its socket closes, and the kernel ends everything below it.
        drop((self.control.take(), self.warden.take()));
        if let Err(error) = self.process.wait() {
            tracing::warn!(%error, "the warden cannot be waited for");
        }
        // Gone already, unless the warden was killed or had no right to.
        if let Some(Err(error)) = self.group.as_ref().map(GroupReader::remove) {
            tracing::warn!(%error, "a cgroup is left");
        }
    }
}

fn start_warden(socket: OwnedFd) -> Result<Child, BuildError> {
    let program = WARDEN.file().map_err(|source| BuildError::Resource { what: "a memory file", source })?;
    Command::new(format!("/proc/self/fd/{}", program.as_raw_fd()))
        .arg0("zeroboot-warden")
        .env_clear()
        // What a terminal sends to the host's group is the host's to handle or to ignore; below it everything follows.
        .process_group(0)
        .stdin(Stdio::from(socket))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|source| BuildError::Resource { what: "the warden", source })
}

/// Reads once, and keeps the end of all that was read; whether there may be more.
fn keep_end(output: &mut impl Read, said: &mut Vec<u8>) -> bool {
    let mut piece = [0; 4096];
    match output.read(&mut piece) {
        Ok(0) | Err(_) => false,
        Ok(length) => {
            said.extend_from_slice(&piece[..length]);
            said.drain(..said.len().saturating_sub(SAID_LIMIT));
            true
        }
    }
}

fn resource(what: &'static str) -> impl FnOnce(Errno) -> BuildError {
    move |errno| BuildError::Resource { what, source: errno.into() }
}

fn talk(peer: &'static str) -> impl FnOnce(Errno) -> BuildError {
    move |source| BuildError::Talk { peer, source }
}
