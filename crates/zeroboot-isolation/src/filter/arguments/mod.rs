//! With which arguments a call passes, for those calls whose arguments decide.
//!
//! What is not listed is refused. The error is the one that a kernel answers which does not know the value, where there
//! is such an error: programs are prepared for it.

mod files;
mod processes;
mod sockets;

pub(super) use files::*;
pub(crate) use processes::JOIN_SESSION_KEYRING;
pub(super) use processes::*;
pub(super) use sockets::*;

use super::table::{Condition, Rule, Under};

const fn any(conditions: &'static [Condition]) -> Rule {
    Rule { under: Under::Any, conditions }
}
