//! Taking more than one's share.

use super::{Attack, attack};

pub(super) const ATTACKS: &[Attack] = &[
    attack!(Resources "resources" "fork-bomb" [ProcessLimit] Machine),
    attack!(Resources "resources" "thread-bomb" [ProcessLimit] Machine),
    attack!(Resources "resources" "memory-bomb" [MemoryLimit] Machine Ending),
    attack!(Resources "resources" "memory-in-parts" [MemoryLimit] Machine Ending),
    attack!(Resources "resources" "memory-file" [MemoryLimit] Machine Ending),
    attack!(Resources "resources" "disk-fill-tmp" [PrivateTmp, MemoryLimit] Machine Ending),
    attack!(Resources "resources" "disk-fill-shared-memory" [PrivateTmp, MemoryLimit] Machine Ending),
    attack!(Resources "resources" "disk-fill-home" [PrivateTmp, MemoryLimit] Machine Ending),
    attack!(Resources "resources" "inode-fill" [PrivateTmp, MemoryLimit] Machine Ending),
    attack!(Resources "resources" "descriptor-bomb" [FileLimit] Harmless),
    attack!(Resources "resources" "output-flood" [OutputLimit] Harmless Ending),
    attack!(Resources "resources" "error-flood" [OutputLimit] Harmless Ending),
    attack!(Resources "resources" "processor-hog" [CpuLimit] Machine),
    attack!(Resources "resources" "past-the-deadline" [Deadline] Harmless Ending),
    attack!(Resources "resources" "raise-limits" [Capabilities] Harmless),
    attack!(Resources "resources" "limits-of-init" [OwnUser] Namespace),
    attack!(Resources "resources" "priority" [Capabilities] Harmless),
    attack!(Resources "resources" "real-time" [Capabilities] Harmless),
    attack!(Resources "resources" "reserved-time" [Capabilities] Harmless),
    attack!(Resources "resources" "disk-priority" [Capabilities] Harmless),
    attack!(Resources "resources" "spared-by-the-killer" [Capabilities, Dumpable] Harmless),
    attack!(Resources "resources" "locked-memory" [LockedMemoryLimit] Harmless),
    attack!(Resources "resources" "locked-future" [LockedMemoryLimit] Harmless),
    attack!(Resources "resources" "core-dump" [CoreDumps, Dumpable] Harmless),
    attack!(Resources "resources" "dumpable-again" [Filter, CoreDumps] Harmless),
    attack!(Resources "resources" "flush-all-disks" [Filter] Harmless),
    attack!(Resources "resources" "huge-file" [PrivateTmp] Machine),
    attack!(Resources "resources" "endless-timers" [MemoryLimit] Machine),
];
