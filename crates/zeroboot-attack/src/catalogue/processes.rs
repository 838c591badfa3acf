//! Other processes.

use super::{Attack, attack};

pub(super) const ATTACKS: &[Attack] = &[
    attack!(Processes "processes" "list-host" [PidNamespace] Harmless),
    attack!(Processes "processes" "signal-everyone" [PidNamespace, OwnUser] Harmless),
    attack!(Processes "processes" "signal-host" [PidNamespace] Harmless),
    attack!(Processes "processes" "stop-init" [PidNamespace, OwnUser] Namespace),
    attack!(Processes "processes" "signal-parent" [PidNamespace, OwnUser] Harmless),
    attack!(Processes "processes" "trace-init" [Filter, PidNamespace, OwnUser] Namespace),
    attack!(Processes "processes" "trace-child" [Filter] Harmless),
    attack!(Processes "processes" "read-child-memory" [Filter, Dumpable] Harmless),
    attack!(Processes "processes" "write-child-memory" [Filter, Dumpable] Harmless),
    attack!(Processes "processes" "memory-of-init" [OwnUser] Namespace),
    attack!(Processes "processes" "maps-of-init" [OwnUser] Harmless),
    attack!(Processes "processes" "environment-of-init" [OwnUser] Harmless),
    attack!(Processes "processes" "steal-descriptor" [Filter, Dumpable] Harmless),
    attack!(Processes "processes" "steal-from-init" [Filter, PidNamespace, OwnUser] Harmless),
    attack!(Processes "processes" "join-init" [Filter, Capabilities] Harmless),
    attack!(Processes "processes" "join-by-pidfd" [Filter, Capabilities] Harmless),
    attack!(Processes "processes" "outlive" [PidNamespace] Harmless),
    attack!(Processes "processes" "foreign-child" [PidNamespace] Harmless),
    attack!(Processes "processes" "host-environment" [Environment] Harmless),
    attack!(Processes "processes" "child-of-its-parent" [Filter] Harmless),
    attack!(Processes "processes" "odd-clone-flags" [Filter] Harmless),
    attack!(Processes "processes" "odd-exit-signals" [Filter] Harmless),
];
