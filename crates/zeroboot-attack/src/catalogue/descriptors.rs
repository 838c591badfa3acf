//! What was left open.

use super::{Attack, attack};

pub(super) const ATTACKS: &[Attack] = &[
    attack!(Descriptors "descriptors" "beyond-standard" [Descriptors] Harmless),
    attack!(Descriptors "descriptors" "forgotten-directory" [Descriptors] Harmless),
    attack!(Descriptors "descriptors" "writable-file" [Descriptors] Harmless),
    attack!(Descriptors "descriptors" "foreign-process" [Descriptors] Harmless),
    attack!(Descriptors "descriptors" "shared-pipes" [Descriptors] Harmless Pair),
];
