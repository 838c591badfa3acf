//! What a fork leaves the same.

use super::{Attack, attack};

pub(super) const ATTACKS: &[Attack] = &[
    attack!(AfterFork "after-fork" "random-numbers" [Reseed] Harmless Pair),
    attack!(AfterFork "after-fork" "secret-tokens" [Reseed] Harmless Pair),
    attack!(AfterFork "after-fork" "openssl-random" [Reseed] Harmless Pair),
    attack!(AfterFork "after-fork" "temporary-names" [Reseed] Harmless Pair),
    attack!(AfterFork "after-fork" "kernel-random" [Reseed] Harmless Pair),
    attack!(AfterFork "after-fork" "hash-seed" [OwnLayout] Harmless Pair),
    attack!(AfterFork "after-fork" "address-layout" [OwnLayout] Harmless Pair),
    attack!(AfterFork "after-fork" "sibling-secret" [OwnMemory] Harmless Pair),
    attack!(AfterFork "after-fork" "host-secret" [Environment] Harmless),
    attack!(AfterFork "after-fork" "shared-mappings" [OwnMemory] Harmless),
    attack!(AfterFork "after-fork" "template-image" [Capabilities, Dumpable, Descriptors] Harmless),
    attack!(AfterFork "after-fork" "timers-and-signals" [CleanState] Harmless),
    attack!(AfterFork "after-fork" "merged-pages" [OwnMemory] Harmless),
    attack!(AfterFork "after-fork" "threads-left" [CleanState] Harmless),
];
