//! The warden: owner of the namespaces, parker of shells, reaper of sandboxes.
//!
//! A tiny single-threaded program in two stages, since a new pid namespace is for the *next* child: stage 1 unshares
//! and waits, stage 2 is pid 1 of the namespace and does the work. Everything below it dies with it.
//!
//! | module | does |
//! |---|---|
//! | `world` | stage 2: builds the file tree and starts the template |
//! | `shells` | parks shells |
//! | `serve` | which sandbox is in which shell; reaping, reporting, replacing |
//! | `events` | what it listens to |
//! | `project` | stage 1: the working directory, for each user that a sandbox may be |
//! | `child` | what a shell's init runs after its fork |
//!
//! Never here: user code, forking a template, and believing a sandbox.

mod child;
mod events;
mod project;
mod serve;
mod shells;
mod world;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::ExitCode;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use zeroboot_fork::fd::{self, Waiting};
use zeroboot_fork::{ForkError, ForkOptions, ForkPlan, Forked, PrepareError, StepFailure};
use zeroboot_isolation::cgroup::{self, Controllers, Group, GroupError, LeafError, Leaves, LeavesError};
use zeroboot_isolation::policy::{Protection, Protections};
use zeroboot_isolation::quotas::{self, QuotaError};
use zeroboot_isolation::shell::ShellPlanError;
use zeroboot_isolation::world::{IdMap, IdMapError, LendError, ProjectError, TreeError, UnshareError};

use crate::protocol::{FromWarden, MadeGroup, SETUP_LIMIT, Setup, ToWarden, WithRemedy};
use crate::words;
use world::Views;

/// Why there is no template: told to the host in words.
#[derive(Debug, thiserror::Error)]
enum WardenError {
    #[error("the warden got no setup from its host")]
    Receive(#[source] Errno),
    #[error("the warden cannot read its setup")]
    Setup(#[from] serde_json::Error),
    #[error("a packet came with the wrong number of descriptors")]
    Descriptors,
    #[error("the setup lends user ids that there are not")]
    Ids,
    #[error("the host has gone")]
    HostGone,
    #[error("cannot copy the descriptor of the cgroup")]
    Copy(#[source] std::io::Error),
    #[error(transparent)]
    Quotas(#[from] QuotaError),
    #[error(transparent)]
    Unshare(#[from] UnshareError),
    #[error("telling the host failed")]
    Tell(#[source] Errno),
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    #[error(transparent)]
    Fork(#[from] ForkError),
    #[error(transparent)]
    Child(#[from] StepFailure),
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Maps(#[from] IdMapError),
    #[error(transparent)]
    Lend(#[from] LendError),
    #[error("{what} failed")]
    Call { what: &'static str, source: Errno },
    #[error("cannot start {program}")]
    Start { program: String, source: std::io::Error },
    #[error(transparent)]
    ShellPlan(#[from] ShellPlanError),
    #[error(transparent)]
    Group(#[from] GroupError),
    #[error(transparent)]
    Leaves(#[from] LeavesError),
    #[error(transparent)]
    Leaf(#[from] LeafError),
    #[error("a parked shell ended before it was ready")]
    ShellDied,
    #[error("a parked shell could not {}", words::of_step(*.0))]
    Shell(StepFailure),
    #[error("the template ended: {0}")]
    TemplateEnded(String),
}

impl WardenError {
    /// Whether something has run short that its user's sandboxes may have taken: later there may be some again.
    fn is_shortage(&self) -> bool {
        let errno = match self {
            Self::Fork(ForkError::Fork { errno }) => *errno,
            Self::Call { source, .. } => *source,
            Self::Shell(failure) => Errno::from_raw(failure.errno),
            Self::Copy(source) => Errno::from_raw(source.raw_os_error().unwrap_or_default()),
            // Killed, for memory.
            Self::ShellDied => return true,
            _ => return false,
        };
        matches!(
            errno,
            Errno::EAGAIN
                | Errno::ENOMEM
                | Errno::ENOSPC
                | Errno::EMFILE
                | Errno::ENFILE
                | Errno::ENOBUFS
                | Errno::ETOOMANYREFS
        )
    }
}

/// Names the call that failed.
fn failed(what: &'static str) -> impl FnOnce(Errno) -> WardenError {
    move |source| WardenError::Call { what, source }
}

/// The whole life of the warden's program, whose standard input is its socket to the host.
#[must_use]
pub fn run() -> ExitCode {
    let input = std::io::stdin();
    let host = input.as_fd();
    match first_stage(host) {
        Ok(code) => code,
        Err(error) => {
            let word = match error {
                WardenError::TemplateEnded(how) => FromWarden::TemplateEnded(how),
                WardenError::Group(error) => FromWarden::NoGroup(WithRemedy {
                    cause: words::of(&error),
                    remedy: error.remedy().to_owned(),
                }),
                WardenError::Project(error) | WardenError::Tree(TreeError::Project(error)) => {
                    FromWarden::NoDirectory(WithRemedy {
                        cause: words::of(&error),
                        remedy: error.remedy().to_owned(),
                    })
                }
                other => FromWarden::Failed(words::of(&other)),
            };
            // When the host is gone nobody wants to know.
            let _ = fd::send(host, &word.encode(), &[]);
            ExitCode::FAILURE
        }
    }
}

fn first_stage(host: BorrowedFd<'_>) -> Result<ExitCode, WardenError> {
    // The kernel has named it after the number of the memory file.
    nix::sys::prctl::set_name(c"zeroboot-warden").map_err(failed("taking a name"))?;
    fd::pass_none_on().map_err(failed("keeping the host's descriptors from the template"))?;
    zeroboot_fork::ignore_none().map_err(failed("setting ignored signals to their defaults"))?;
    let host_process = nix::unistd::getppid().as_raw().unsigned_abs();
    let host_process = zeroboot_fork::pidfd_open(host_process).map_err(failed("opening the host's pidfd"))?;
    let (setup, fds) = receive_setup(host)?;
    let mut plan = ForkPlan::prepare(ForkOptions::default())?;
    // Before the namespaces: both with the host's own rights.
    let group = make_group(&setup)?;
    let views = Views::look_through(&setup)?;
    // Before them, too: they take their maxima from this process.
    quotas::leave_room()?;
    zeroboot_isolation::world::unshare(Protections::from_bits(setup.protections))?;
    let made = group.as_ref().map(|group| {
        group.as_ref().map(|group| MadeGroup {
            path: group.path().to_owned(),
            controllers: group.controllers().to_bits(),
        })
    });
    let made = FromWarden::Unshared(made.map_err(|cause| words::of(cause)));
    fd::send(host, &made.encode(), &[]).map_err(WardenError::Tell)?;
    let mut word = [0; 8];
    let length = fd::receive_bytes(host, &mut word, Waiting::Block).map_err(WardenError::Receive)?;
    if ToWarden::decode(&word[..length]) != Some(ToWarden::Mapped) {
        return Err(WardenError::HostGone);
    }

    // Stage 1 alone holds the writing end: stage 2 sees by it whether stage 1 is still there.
    let (alive, life) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).map_err(failed("making a pipe"))?;
    let group = group.ok().flatten();
    if let Some(group) = &group {
        let directory = group.directory().try_clone_to_owned();
        plan.set_cgroup(Some(directory.map_err(WardenError::Copy)?))?;
    }
    match plan.fork()? {
        Forked::Parent(mut second) => {
            drop((fds, host_process, alive));
            second.wait().map_err(failed("waiting for the second stage"))?;
            drop((life, group));
            Ok(ExitCode::SUCCESS)
        }
        Forked::Child(fresh) => {
            drop(life);
            let group = group.map(Group::into_directory).transpose().map_err(WardenError::Copy)?;
            fresh.repair()?;
            fresh.restore_signals()?;
            second_stage(host, &host_process, &alive, (&setup, &views), group, fds)
                .map(|()| ExitCode::SUCCESS)
        }
    }
}

/// The template's cgroup, if one is asked for; the inner error is one that the policy can live with.
fn make_group(setup: &Setup) -> Result<Result<Option<Group>, GroupError>, WardenError> {
    let Some(asked) = &setup.cgroup else { return Ok(Ok(None)) };
    let needed = Controllers::from_bits(asked.needed);
    match Group::make(asked.wanted(), needed, ids(setup)?) {
        Err(error) if needed != Controllers::NONE => Err(error.into()),
        made => Ok(made.map(Some)),
    }
}

fn ids(setup: &Setup) -> Result<IdMap, WardenError> {
    setup.ids().ok_or(WardenError::Ids)
}

fn receive_setup(host: BorrowedFd<'_>) -> Result<(Setup, Vec<OwnedFd>), WardenError> {
    let mut packet = vec![0; SETUP_LIMIT];
    let received = fd::receive(host, &mut packet, Waiting::Block).map_err(WardenError::Receive)?;
    if received.length == 0 {
        return Err(WardenError::HostGone);
    }
    let setup = serde_json::from_slice(&packet[..received.length])?;
    Ok((setup, received.fds.into_iter().collect()))
}

fn second_stage(
    host: BorrowedFd<'_>,
    host_process: &OwnedFd,
    first_stage: &OwnedFd,
    (setup, views): (&Setup, &Views),
    group: Option<OwnedFd>,
    fds: Vec<OwnedFd>,
) -> Result<(), WardenError> {
    if Protections::from_bits(setup.protections).wants(Protection::CgroupNamespace) {
        cgroup::enter_namespace().map_err(failed("making a cgroup namespace"))?;
    }
    let shown = world::build(setup, views)?;
    quotas::close_unused()?;
    die_with(first_stage)?;
    let leaves = match (group, &setup.cgroup) {
        (Some(group), Some(asked)) => Some(Leaves::prepare(group, asked.wanted(), &asked.limits())?),
        _ => None,
    };
    let (link, far_link) = fd::pair().map_err(failed("making the link"))?;
    let template = world::start_template(setup, fds, far_link)?;
    serve::serve((host, host_process.as_fd()), setup, leaves, shown, (template, link))
}

/// Dies when stage 1 dies. The death signal is set after the last change of credentials, which clears it; stage 1 may
/// have gone before.
fn die_with(first_stage: &OwnedFd) -> Result<(), WardenError> {
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)
        .map_err(failed("setting the death signal"))?;
    let mut life = [PollFd::new(first_stage.as_fd(), PollFlags::POLLIN)];
    match poll(&mut life, PollTimeout::ZERO).map_err(failed("looking for the first stage"))? {
        0 => Ok(()),
        _ => Err(WardenError::HostGone),
    }
}
