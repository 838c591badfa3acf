//! Using the terminal of whoever started the sandbox.

use super::{Attack, attack};

pub(super) const ATTACKS: &[Attack] = &[
    attack!(Terminal "terminal" "type-into" [Filter, Session, Descriptors] Namespace),
    attack!(Terminal "terminal" "type-behind-high-bits" [Filter, Session, Descriptors] Namespace),
    attack!(Terminal "terminal" "paste-into" [Filter, Session, Descriptors] Namespace),
    attack!(Terminal "terminal" "paste-behind-high-bits" [Filter, Session, Descriptors] Namespace),
    attack!(Terminal "terminal" "type-into-own" [Filter] Harmless),
    attack!(Terminal "terminal" "line-discipline" [Filter] Harmless),
    attack!(Terminal "terminal" "open-terminals" [Session, MountNamespace] Harmless),
    attack!(Terminal "terminal" "take-terminal" [Session, Descriptors] Namespace),
    attack!(Terminal "terminal" "foreign-session" [Session] Harmless),
];
