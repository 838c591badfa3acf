//! Which sockets a sandbox makes.
//!
//! A filter does not see the name that a socket is given. Names that are paths lie in a sandbox's private file systems, but an
//! abstract name is the network namespace's, and without a network all sandboxes of a template share an empty one. So it is
//! decided here, once for a template, what else keeps siblings apart.
//!
//! Never here: the calls and their arguments ([`crate::filter`]).

use nix::errno::Errno;

use crate::landlock::RulePlan;
use crate::loopback;
use crate::policy::{Network, Policy};

/// Which sockets a sandbox makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sockets {
    /// Connected pairs of unix sockets: nothing would keep an abstract name from siblings.
    Pairs,
    /// Unix sockets. Landlock refuses a sandbox what belongs to an abstract name of another one.
    Unix,
    /// Unix and internet sockets, in a network namespace of its own.
    Loopback,
}

impl Sockets {
    /// What sandboxes of this policy make on this kernel.
    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        let rules = || RulePlan::new(policy).ok().flatten();
        match policy.network {
            Network::Loopback => Self::Loopback,
            _ if rules().is_some_and(|rules| rules.scopes_abstract_names()) => Self::Unix,
            _ => Self::Pairs,
        }
    }
}

/// Bounds how many connections wait at each listening socket of the calling process's network namespace. Those that wait hold
/// memory and have no descriptor that would count. A kernel that lets nobody in a user namespace change it has a bound of
/// 4,096.
///
/// Call it in a warden that has a network namespace of its own, which its sandboxes share where they have no network.
///
/// # Errors
/// What the kernel answered to `open` or `write`.
pub fn bound_waiting() -> Result<(), Errno> {
    loopback::bound_waiting()
}
