//! Reaching the host and the outside.

use super::{Attack, attack};

pub(super) const ATTACKS: &[Attack] = &[
    attack!(Network "network" "reach-loopback" [Filter, NetNamespace, Landlock] Harmless),
    attack!(Network "network" "reach-loopback-6" [Filter, NetNamespace, Landlock] Harmless),
    attack!(Network "network" "route-out" [Filter, NetNamespace] Harmless),
    attack!(Network "network" "listen" [Filter, Landlock] Harmless),
    attack!(Network "network" "bind-low-port" [Filter, Capabilities, Landlock] Harmless),
    attack!(Network "network" "raw-packets" [Filter, Capabilities] Harmless),
    attack!(Network "network" "link-layer" [Filter, Capabilities] Harmless),
    attack!(Network "network" "netlink" [Filter] Harmless),
    attack!(Network "network" "netlink-audit" [Filter] Harmless),
    attack!(Network "network" "vsock" [Filter] Harmless),
    attack!(Network "network" "kernel-crypto" [Filter] Harmless),
    attack!(Network "network" "every-family" [Filter] Harmless),
    attack!(Network "network" "pairs-of-every-family" [Filter] Harmless),
    attack!(Network "network" "host-abstract-name" [Filter, NetNamespace, Landlock] Harmless),
    attack!(Network "network" "host-socket-path" [Filter, MountNamespace] Harmless),
    attack!(Network "network" "system-sockets" [Filter, MountNamespace] Harmless),
    attack!(Network "network" "address-on-a-pair" [Filter, NetNamespace, Landlock] Harmless),
    attack!(Network "network" "host-listings" [NetNamespace] Harmless),
    attack!(Network "network" "odd-protocols" [Filter] Harmless),
];
