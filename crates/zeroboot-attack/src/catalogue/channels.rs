//! Talking to a sibling.

use super::{Attack, attack};

pub(super) const ATTACKS: &[Attack] = &[
    attack!(Channels "channels" "tmp" [PrivateTmp] Harmless Pair),
    attack!(Channels "channels" "shared-memory-files" [PrivateTmp] Harmless Pair),
    attack!(Channels "channels" "home" [PrivateTmp] Harmless Pair),
    attack!(Channels "channels" "system-v-memory" [Filter, IpcNamespace] Harmless Pair),
    attack!(Channels "channels" "system-v-messages" [Filter, IpcNamespace] Harmless Pair),
    attack!(Channels "channels" "system-v-semaphores" [Filter, IpcNamespace] Harmless Pair),
    attack!(Channels "channels" "message-queue" [Filter, IpcNamespace] Harmless Pair),
    attack!(Channels "channels" "abstract-name" [Filter, NetNamespace, Landlock] Harmless Pair),
    attack!(Channels "channels" "taken-name" [OwnSocketLists] Harmless Pair),
    attack!(Channels "channels" "socket-path" [PrivateTmp] Harmless Pair),
    attack!(Channels "channels" "loopback" [Filter, NetNamespace, Landlock] Harmless Pair),
    attack!(Channels "channels" "file-lock" [OwnLocks] Harmless Pair),
    attack!(Channels "channels" "record-lock" [OwnLocks] Harmless Pair),
    attack!(Channels "channels" "lease" [Filter, Capabilities] Harmless),
    attack!(Channels "channels" "directory-notes" [Filter] Harmless),
    attack!(Channels "channels" "watch-tree" [Filter] Harmless),
    attack!(Channels "channels" "session-keyring" [Filter, Keyring] Harmless Pair),
    attack!(Channels "channels" "process-names" [PidNamespace] Harmless Pair),
    attack!(Channels "channels" "host-name" [Filter, Capabilities, UtsNamespace] Namespace Pair),
    attack!(Channels "channels" "shared-futex" [OwnFutexes] Harmless Pair),
    attack!(Channels "channels" "socket-lists" [OwnSocketLists] Harmless Pair),
];
