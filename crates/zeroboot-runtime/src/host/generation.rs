//! One living template: its processes, and the sockets to them.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use nix::errno::Errno;
use tracing::{debug, debug_span};
use zeroboot_fork::fd;
use zeroboot_isolation::cgroup::{Controller, Controllers, GroupReader};
use zeroboot_isolation::policy::{Policy, Protection, Protections, Rule, StormAction};
use zeroboot_isolation::quotas::open_files;
use zeroboot_isolation::seal::SealReader;
use zeroboot_isolation::world::{IdMap, Lending};

use super::controls::{Controls, Hearing, warden_says};
use super::embedded::WARDEN;
use super::error::BuildError;
use super::meter::Meter;
use super::metrics::Metrics;
use super::ready::Ready;
use super::recipe::Recipe;
use super::view::below_home;
use super::wear::Wear;
use crate::protocol::{CgroupSetup, FromWarden, MadeGroup, TemplateSetup, ToWarden, WithRemedy};

/// A template that serves. Dropping it ends the template and every sandbox of it, and waits until they are gone.
#[derive(Debug)]
pub(super) struct Generation {
    /// Once it serves.
    controls: Option<Controls>,
    warden: Option<OwnedFd>,
    process: Child,
    /// The user ids of its sandboxes: given back after they are gone.
    _lending: Lending,
    seals: SealReader,
    /// Once it serves.
    meter: Option<Meter>,
    policy: Policy,
    group: Option<GroupReader>,
    /// Where views lie in the working directory, as paths below it.
    views_in_home: Vec<PathBuf>,
    ready: Ready,
    wear: Wear,
    /// Of all generations of the template.
    metrics: Arc<Metrics>,
}

impl Generation {
    /// Builds one: namespaces, file tree, program, warm-up, audit, seal.
    pub(super) fn build(recipe: &Recipe, metrics: &Arc<Metrics>) -> Result<Self, BuildError> {
        let _span = debug_span!("build").entered();
        let lending = Lending::of_this_process()?;
        let ids = lending.map();
        let policy = recipe.policy.open_files(open_files(recipe.policy.limits.open_files, ids)?);
        let (setup, extras) = recipe.setup(ids, bounds(&recipe.policy, ids)?)?;
        let (warden, far_warden) = fd::pair().map_err(resource("the warden's socket"))?;
        let (control, far_control) = fd::pair().map_err(resource("the control socket"))?;
        let (output, far_output) =
            std::io::pipe().map_err(|source| BuildError::Resource { what: "a pipe", source })?;

        let seals = SealReader::new()?;
        let process = start_warden(far_warden)?;
        let mut generation = Self {
            controls: None,
            warden: Some(warden),
            process,
            _lending: lending,
            seals,
            meter: None,
            policy,
            group: None,
            views_in_home: below_home(&recipe.views),
            ready: Ready::default(),
            wear: Wear::new(),
            metrics: Arc::clone(metrics),
        };
        let mut fds = vec![far_control, far_output.into()];
        fds.extend(extras);
        generation.set_up(&setup, fds, ids)?;
        debug!("namespaces and file tree are ready");

        let rehearsal = recipe.rehearsal().map_err(BuildError::Rehearsal)?;
        let controllers = generation.group.as_ref().map(GroupReader::controllers);
        let first = serde_json::to_vec(&TemplateSetup {
            huge_heap_bytes: recipe.huge_heap(),
            template_processes: recipe.processes,
            ..TemplateSetup::new(&policy, ids, controllers, rehearsal.len())
        })
        .map_err(|error| BuildError::Resource { what: "the setup", source: error.into() })?;
        for packet in [first].iter().chain(&rehearsal) {
            // A template that is gone already has more to say about itself than this error.
            let _ = fd::send(control.as_fd(), packet, &[]);
        }
        let hearing = Hearing::new(recipe, generation.warden(), control);
        let (controls, ready) = hearing.await_serving(output.into())?;
        generation.controls = Some(controls);
        generation.ready = ready;
        let meter = Meter::of(generation.process.id(), &generation.ready.places);
        metrics.serves(meter.template(), &generation.ready.places);
        generation.meter = Some(meter);
        debug!("the template serves");
        Ok(generation)
    }

    /// Where the next request goes.
    pub(super) fn control(&self) -> BorrowedFd<'_> {
        self.controls.as_ref().expect("set by build, and taken in drop only").next()
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

    /// Where views lie in the working directory, as paths below it.
    pub(super) fn views_in_home(&self) -> &[PathBuf] {
        &self.views_in_home
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

    fn warden(&self) -> BorrowedFd<'_> {
        self.warden.as_ref().expect("taken in drop only").as_fd()
    }

    fn set_up(&mut self, setup: &[u8], fds: Vec<OwnedFd>, ids: IdMap) -> Result<(), BuildError> {
        let borrowed: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
        fd::send(self.warden(), setup, &borrowed).map_err(BuildError::talk("warden"))?;
        match warden_says(self.warden())? {
            FromWarden::Unshared(Ok(group)) => self.group = group.map(open_group).transpose()?,
            FromWarden::Unshared(Err(cause)) => {
                debug!(cause, "no cgroup: limits apply to each process")
            }
            FromWarden::NoGroup(WithRemedy { cause, mut remedy }) => {
                if self.policy.storm.action == StormAction::Throttle {
                    remedy.push_str("; or have storms reported, not throttled");
                }
                return Err(BuildError::Cgroup { cause, remedy });
            }
            FromWarden::NoDirectory(WithRemedy { cause, remedy }) => {
                return Err(BuildError::Directory { cause, remedy });
            }
            FromWarden::Failed(text) => return Err(BuildError::Warden(text)),
            FromWarden::TemplateEnded(_) => return Err(BuildError::talk("warden")(Errno::EBADMSG)),
        }
        ids.write(self.process.id())?;
        fd::send(self.warden(), &ToWarden::Mapped.encode(), &[]).map_err(BuildError::talk("warden"))
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
        drop((self.controls.take(), self.warden.take()));
        if let Err(error) = self.process.wait() {
            tracing::warn!(%error, "the warden cannot be waited for");
        }
        // Gone already, unless the warden was killed or had no right to.
        if let Some(Err(error)) = self.group.as_ref().map(GroupReader::remove) {
            tracing::warn!(%error, "a cgroup could not be removed");
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

fn resource(what: &'static str) -> impl FnOnce(Errno) -> BuildError {
    move |errno| BuildError::Resource { what, source: errno.into() }
}
