//! Parking shells: each in its own pid, mount and ipc namespaces, each for a sandbox with a user id of its own.

use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use zeroboot_fork::fd::{self, Waiting};
use zeroboot_fork::{ForkOptions, ForkPlan, Forked, Namespaces, SignalHandlers, StepFailure};
use zeroboot_isolation::cgroup::{Leaf, Leaves};
use zeroboot_isolation::policy::{Bytes, Network, Policy, Protections, UserId};
use zeroboot_isolation::shell::ShellPlan;
use zeroboot_isolation::world::{Shown, TEMPLATE_USER};

use super::child::{SETTLED, become_shell};
use super::{WardenError, failed, project};
use crate::protocol::{Setup, network};

/// The first user id of a sandbox, where each has its own.
pub(super) const FIRST_USER: u32 = 10_000;

/// How many user ids are used before the first one comes again: a thousand times more than sandboxes can live at once.
const USERS: u32 = 50_000;

/// What makes shells.
#[derive(Debug)]
pub(super) struct Parking {
    fork: ForkPlan,
    policy: Policy,
    shown: Shown,
    users: Users,
    next: u64,
    leaves: Option<Leaves>,
    /// Leaves in which the kernel still counted a process when they were to be removed.
    remains: Vec<Leaf>,
}

/// Which users sandboxes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Users {
    /// Each is one of its own, until the first of so many comes again.
    Own(u32),
    /// All are the template's.
    Templates,
}

/// A shell that waits.
#[derive(Debug)]
pub(super) struct Parked {
    pub(super) number: u64,
    pub(super) user: UserId,
    pub(super) pidfd: OwnedFd,
    /// The Landlock rules of its sandbox.
    pub(super) rules: Option<OwnedFd>,
    /// The cgroup of its sandbox.
    pub(super) leaf: Option<Leaf>,
}

impl Parking {
    pub(super) fn new(setup: &Setup, leaves: Option<Leaves>, shown: Shown) -> Result<Self, WardenError> {
        let network = network(setup.loopback);
        let own = Namespaces::PID | Namespaces::MOUNT | Namespaces::IPC;
        let namespaces = match network {
            Network::Loopback => own | Namespaces::NET,
            _ => own,
        };
        let fork = ForkPlan::prepare(ForkOptions {
            namespaces,
            signals: SignalHandlers::Clear,
            ..ForkOptions::default()
        })?;
        let users = match (setup.first_id, &setup.directory) {
            (None, _) => Users::Templates,
            (Some(_), None) => Users::Own(USERS),
            (Some(_), Some(_)) => Users::Own(project::USERS),
        };
        let mut policy = Policy::strict().tmp(Bytes(setup.tmp_bytes));
        policy.protections = Protections::from_bits(setup.protections);
        policy.network = network;
        Ok(Self { fork, policy, shown, users, next: 0, leaves, remains: Vec::new() })
    }

    /// Makes one, and waits until it can be joined.
    pub(super) fn park(&mut self) -> Result<Parked, WardenError> {
        let number = self.next;
        self.next += 1;
        let user = self.user(number);
        let mut leaf = self.leaves.as_ref().map(|leaves| leaves.make(number)).transpose()?;
        let plan = ShellPlan::prepare(&self.policy, user)?.showing(&self.shown)?;
        let (near, far) = fd::pair().map_err(failed("making a socket"))?;
        // Born there, so that it can make that cgroup the root of what its sandbox sees.
        let birthplace = leaf.as_ref().map(|leaf| leaf.directory().try_clone_to_owned());
        self.fork.set_cgroup(birthplace.transpose().map_err(WardenError::Copy)?)?;
        let forked = self.fork.fork();
        let mut child = match forked {
            Ok(Forked::Parent(child)) => child,
            Ok(Forked::Child(fresh)) => become_shell(&fresh, &plan, far),
            Err(error) => {
                self.fork.set_cgroup(None)?;
                leaf.into_iter().for_each(|leaf| self.remove(leaf));
                return Err(error.into());
            }
        };
        drop(far);
        let rules = match settled(&near) {
            Ok(rules) => rules,
            Err(error) => {
                // The first cause counts. It has left, or is about to.
                let _ = child.kill();
                let _ = child.wait();
                leaf.into_iter().for_each(|leaf| self.remove(leaf));
                return Err(error);
            }
        };
        if let Some(leaf) = &mut leaf {
            leaf.count_from_now();
        }
        let (_, pidfd) = child.into_parts();
        Ok(Parked { number, user, pidfd, rules, leaf })
    }

    /// Removes the cgroup of a sandbox whose processes were all reaped, and those that were left before.
    pub(super) fn remove(&mut self, leaf: Leaf) {
        let Some(leaves) = &self.leaves else { return };
        self.remains.push(leaf);
        // What goes wrong in another way than by being too early is left to the end, when the whole group is removed.
        self.remains.retain(|leaf| leaves.remove(leaf) == Err(Errno::EBUSY));
    }

    fn user(&self, number: u64) -> UserId {
        let Users::Own(users) = self.users else { return TEMPLATE_USER };
        let index = u32::try_from(number % u64::from(users)).unwrap_or_default();
        UserId(FIRST_USER + index)
    }
}

/// Hears a shell until it has closed its end, which it does once its filter holds. Gives its rules.
fn settled(socket: &OwnedFd) -> Result<Option<OwnedFd>, WardenError> {
    let hear = |packet: &mut [u8]| {
        fd::receive(socket.as_fd(), packet, Waiting::Block).map_err(failed("waiting for a shell"))
    };
    let mut packet = [0; StepFailure::LENGTH];
    let settled = hear(&mut packet)?;
    if packet[..settled.length] != [SETTLED] {
        return Err(failure(&packet[..settled.length]));
    }
    match hear(&mut packet)?.length {
        0 => Ok(settled.fds.into_iter().next()),
        length => Err(failure(&packet[..length])),
    }
}

fn failure(packet: &[u8]) -> WardenError {
    match packet.try_into() {
        Ok(failure) => WardenError::Shell(StepFailure::from_bytes(failure)),
        Err(_) => WardenError::ShellDied,
    }
}
