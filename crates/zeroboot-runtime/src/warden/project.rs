//! The directory that is the sandboxes' working directory, as each user that one of them may be sees it: opened by stage 1,
//! while it has the host's own rights.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::OFlag;
use zeroboot_fork::{ForkOptions, ForkPlan, Forked, Namespaces};
use zeroboot_isolation::policy::UserId;
use zeroboot_isolation::world::{IdMap, IdRange, Owner, Project, TEMPLATE_USER};

use super::child::wait_for_the_end;
use super::shells::FIRST_USER;
use super::{WardenError, failed, ids};
use crate::protocol::Setup;

/// How many user ids the sandboxes of a template with such a directory have among them, where each has one of its own
/// otherwise: for each there is a mount, which every shell copies.
pub(super) const USERS: u32 = 32;

pub(super) fn open(setup: &Setup) -> Result<Option<Project>, WardenError> {
    let Some(directory) = &setup.directory else { return Ok(None) };
    let IdMap::Range(range) = ids(setup)? else {
        return Ok(Some(Project::own(directory.clone())?));
    };
    let owner = Owner::of(directory)?;
    let plan = ForkPlan::prepare(ForkOptions { namespaces: Namespaces::USER, ..ForkOptions::default() })?;
    let users = [TEMPLATE_USER].into_iter().chain((0..USERS).map(|index| UserId(FIRST_USER + index)));
    let users = users.map(|user| Ok((user, namespace(&plan, owner, user, range)?)));
    let users = users.collect::<Result<_, WardenError>>()?;
    Ok(Some(Project::mapped(directory.clone(), users)?))
}

/// A user namespace in which the owner's id is this user's. A process has to be in it for as long as its maps are written.
fn namespace(plan: &ForkPlan, owner: Owner, user: UserId, range: IdRange) -> Result<OwnedFd, WardenError> {
    let (held, hold) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(failed("making a pipe"))?;
    let mut inside = match plan.fork()? {
        Forked::Child(_) => wait_for_the_end(held.as_fd(), hold),
        Forked::Parent(child) => child,
    };
    owner.write(inside.pid(), user, range)?;
    let namespace = File::open(format!("/proc/{}/ns/user", inside.pid())).map_err(WardenError::Copy)?;
    drop(hold);
    inside.wait().map_err(failed("waiting for a process of this one's"))?;
    Ok(namespace.into())
}
