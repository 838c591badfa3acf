//! Gaining privileges.

use super::{Attack, attack};

pub(super) const ATTACKS: &[Attack] = &[
    attack!(Privileges "privileges" "become-root" [Capabilities, OwnUser] Harmless),
    attack!(Privileges "privileges" "become-another" [Capabilities] Harmless),
    attack!(Privileges "privileges" "join-groups" [Capabilities] Harmless),
    attack!(Privileges "privileges" "capabilities-held" [Capabilities] Harmless),
    attack!(Privileges "privileges" "capabilities-regain" [Capabilities] Harmless),
    attack!(Privileges "privileges" "capabilities-by-exec" [Capabilities, NoNewPrivs] Harmless),
    attack!(Privileges "privileges" "ambient-capability" [Capabilities] Harmless),
    attack!(Privileges "privileges" "set-user-id-programs" [NoNewPrivs, ReadOnlyTree, MountNamespace] Harmless),
    attack!(Privileges "privileges" "preload-into-privileged" [NoNewPrivs, MountNamespace] Harmless),
    attack!(Privileges "privileges" "no-new-privs-off" [NoNewPrivs] Harmless),
    attack!(Privileges "privileges" "securebits" [Filter, Capabilities] Harmless),
    attack!(Privileges "privileges" "write-user-map" [UserNamespace, Capabilities] Harmless),
    attack!(Privileges "privileges" "write-group-map" [UserNamespace, Capabilities] Harmless),
    attack!(Privileges "privileges" "clone-namespaces" [Filter] Harmless),
    attack!(Privileges "privileges" "clone3-namespaces" [Filter] Harmless),
    attack!(Privileges "privileges" "into-cgroup" [Filter, MountNamespace, Capabilities] Harmless),
    attack!(Privileges "privileges" "namespace-through-thread" [Filter, Capabilities] Harmless),
    attack!(Privileges "privileges" "mount-in-namespace" [Filter, Landlock] Harmless),
    attack!(Privileges "privileges" "personality" [Filter] Harmless),
    attack!(Privileges "privileges" "map-page-zero" [Capabilities] Harmless),
    attack!(Privileges "privileges" "unshare-user" [Filter] Harmless),
    attack!(Privileges "privileges" "unshare-mount" [Filter, Capabilities] Harmless),
    attack!(Privileges "privileges" "unshare-pid" [Filter, Capabilities] Harmless),
    attack!(Privileges "privileges" "unshare-network" [Filter, Capabilities] Harmless),
    attack!(Privileges "privileges" "unshare-ipc" [Filter, Capabilities] Harmless),
    attack!(Privileges "privileges" "unshare-uts" [Filter, Capabilities] Harmless),
    attack!(Privileges "privileges" "unshare-cgroup" [Filter, Capabilities] Harmless),
    attack!(Privileges "privileges" "unshare-time" [Filter, Capabilities] Harmless),
];
