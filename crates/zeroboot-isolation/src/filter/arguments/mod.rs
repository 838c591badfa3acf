//! With which arguments a call passes, for those calls whose arguments decide.
//!
//! What is not listed is refused. The error is the one that a kernel answers which does not know the value, where there
//! is such an error: programs are prepared for it.

mod files;
mod processes;
mod sockets;

use nix::errno::Errno;

pub(super) use files::*;
pub(crate) use processes::JOIN_SESSION_KEYRING;
pub(super) use processes::*;
pub(super) use sockets::*;

use super::table::{Answer, Condition, Rule, Under};

const EPERM: Answer = Answer::Error(Errno::EPERM);
const EINVAL: Answer = Answer::Error(Errno::EINVAL);

const fn any(conditions: &'static [Condition]) -> Rule {
    Rule { under: Under::Any, conditions }
}
