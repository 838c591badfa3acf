//! Enumerations whose variants have names on the command line.

/// A word that names no variant.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no {kind} `{word}`; there are: {known}")]
pub struct UnknownName {
    kind: &'static str,
    word: String,
    known: String,
}

macro_rules! named {
    (
        $(#[$about:meta])*
        $kind:literal $type:ident { $($(#[$what:meta])* $variant:ident = $name:literal,)* }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type { $($(#[$what])* $variant,)* }

        impl $type {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name, in words joined by dashes.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                to.pad(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = UnknownName;

            fn from_str(word: &str) -> Result<Self, UnknownName> {
                let found = Self::ALL.iter().copied().find(|each| each.name() == word);
                found.ok_or_else(|| UnknownName::new($kind, word, Self::ALL.iter().map(|each| each.name())))
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.name())
            }
        }
    };
}

impl UnknownName {
    fn new(kind: &'static str, word: &str, known: impl Iterator<Item = &'static str>) -> Self {
        Self { kind, word: word.to_owned(), known: known.collect::<Vec<_>>().join(", ") }
    }
}

named! {
    /// What an attack is aimed at.
    "group" Group {
        /// Reading and changing files of the host.
        Files = "files",
        /// Other processes.
        Processes = "processes",
        /// Gaining privileges.
        Privileges = "privileges",
        /// Parts of the kernel that no script needs.
        Kernel = "kernel",
        /// The host's network and the outside.
        Network = "network",
        /// Two sandboxes that talk to each other.
        Channels = "channels",
        /// Taking more than one's share.
        Resources = "resources",
        /// The terminal of whoever started the sandbox.
        Terminal = "terminal",
        /// What was left open.
        Descriptors = "descriptors",
        /// What a fork leaves the same.
        AfterFork = "after-fork",
        /// The program that waits for the sandbox.
        Supervisor = "supervisor",
    }
}

named! {
    /// A protection.
    "layer" Layer {
        /// A system-call filter.
        Filter = "filter",
        /// No capability that counts on the host.
        Capabilities = "capabilities",
        /// `no_new_privs`: no program gives privileges back.
        NoNewPrivs = "no-new-privs",
        /// Users of its own: root inside is nobody outside.
        UserNamespace = "user-namespace",
        /// Process ids of its own.
        PidNamespace = "pid-namespace",
        /// A tree of its own, without the host's files.
        MountNamespace = "mount-namespace",
        /// System V objects and message queues of its own.
        IpcNamespace = "ipc-namespace",
        /// A host name of its own.
        UtsNamespace = "uts-namespace",
        /// Interfaces, ports and abstract unix names of its own.
        NetNamespace = "net-namespace",
        /// A root of the cgroup hierarchy of its own.
        CgroupNamespace = "cgroup-namespace",
        /// Landlock.
        Landlock = "landlock",
        /// What the tree shows of the host cannot be written.
        ReadOnlyTree = "read-only-tree",
        /// `/tmp`, `/dev/shm` and the home are its own, bounded, without devices and set-user-id programs.
        PrivateTmp = "private-tmp",
        /// A bound on processes and threads.
        ProcessLimit = "process-limit",
        /// A bound on open files.
        FileLimit = "file-limit",
        /// A bound on pseudo-terminals, of which the machine has one number.
        TerminalLimit = "terminal-limit",
        /// A bound on memory, over all of its processes.
        MemoryLimit = "memory-limit",
        /// A bound on locked memory.
        LockedMemoryLimit = "locked-memory-limit",
        /// A bound on signals that wait in queues and timers.
        SignalLimit = "signal-limit",
        /// No right to better priorities, whatever its supervisor has.
        PriorityLimit = "priority-limit",
        /// A bound on processor time.
        CpuLimit = "cpu-limit",
        /// A bound on what is written to the standard streams.
        OutputLimit = "output-limit",
        /// An end by the clock.
        Deadline = "deadline",
        /// A user id that nothing else has, its supervisor and its siblings included.
        OwnUser = "own-user",
        /// Of what the kernel counts for a user, a part that the supervisor keeps for itself.
        UserQuotas = "user-quotas",
        /// Keyrings of its own.
        Keyring = "keyring",
        /// A session of its own, without a terminal.
        Session = "session",
        /// No image of its memory after a crash.
        CoreDumps = "core-dumps",
        /// Processes that others cannot look into, by `PR_SET_DUMPABLE`.
        Dumpable = "dumpable",
        /// No descriptor but its own.
        Descriptors = "descriptors",
        /// No environment but its own.
        Environment = "environment",
        /// Random generators that were seeded again after the fork.
        Reseed = "reseed",
        /// Addresses and hash seeds that no sibling has; a fork without `execve` cannot have them.
        OwnLayout = "own-layout",
        /// Memory that nobody else writes or has written.
        OwnMemory = "own-memory",
        /// Waiting on shared memory where no sibling can wake: of files that no sibling maps.
        OwnFutexes = "own-futexes",
        /// No list of others' sockets and their names, nor of what the machine's take.
        OwnSocketLists = "own-socket-lists",
        /// A list of mounts that is silent about the host's paths and disks.
        OwnMountList = "own-mount-list",
        /// No devices, pipes or sockets in what the tree shows of the host.
        NoSpecialFiles = "no-special-files",
        /// A supervisor that returns when the sandbox has ended or its time is over, whatever that sent or holds open.
        BoundedWait = "bounded-wait",
        /// Locks on files that no sibling sees: files of its own, or no locks.
        OwnLocks = "own-locks",
        /// A `/proc` that shows processes, and of the machine a few files that say nothing of the host.
        OwnProc = "own-proc",
        /// No timer, thread or signal mask of the process that it was forked from.
        CleanState = "clean-state",
    }
}

named! {
    /// What an attack damages where it succeeds: what a control run, in which it shall succeed, needs.
    "risk" Risk {
        /// Nothing: it asks, or undoes at once what it did. A control can run anywhere, as the user in question.
        Harmless = "harmless",
        /// What a namespace holds: mounts, process 1, a terminal. A control needs namespaces made for the purpose.
        Namespace = "namespace",
        /// The machine, for seconds: memory, processor, disk, processes. A control needs a virtual machine, or another
        /// sandbox around it that bounds them.
        Machine = "machine",
    }
}
