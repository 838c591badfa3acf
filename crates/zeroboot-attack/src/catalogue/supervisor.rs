//! Keeping the program that waits for a sandbox.

use super::{Attack, attack};

pub(super) const ATTACKS: &[Attack] = &[
    attack!(Supervisor "supervisor" "queued-stream" [BoundedWait] Harmless Returning),
    attack!(Supervisor "supervisor" "streams-by-the-hundred" [BoundedWait] Harmless Returning),
    attack!(Supervisor "supervisor" "stream-behind-a-flood" [BoundedWait] Harmless Returning),
    attack!(Supervisor "supervisor" "half-closed-channel" [BoundedWait] Harmless Returning),
    attack!(Supervisor "supervisor" "stopped-holder" [BoundedWait, PidNamespace] Harmless Returning),
    attack!(Supervisor "supervisor" "holder-left-behind" [BoundedWait, PidNamespace] Harmless Returning),
    attack!(Supervisor "supervisor" "steal-own-output" [BoundedWait] Harmless Returning),
];
