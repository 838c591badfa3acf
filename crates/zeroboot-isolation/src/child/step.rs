//! The steps of the hardening, and how a failed one is told.

use nix::errno::Errno;

macro_rules! steps {
    ($($(#[$doc:meta])* $step:ident = $id:literal, $name:literal;)*) => {
        /// A step of the hardening. [`Prepared::apply`](super::Prepared::apply) takes them in this order, but for the last
        /// two; a shell takes some of them in [`ShellPlan::settle`](crate::shell::ShellPlan::settle).
        ///
        /// The numbers start at 100 and are stable within a version: they travel over a pipe.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Step { $($(#[$doc])* $step = $id,)* }

        impl Step {
            /// Every step.
            pub const ALL: &'static [Self] = &[$(Self::$step),*];

            /// What the step does, in a few words.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$step => $name,)* }
            }

            /// The step with this number.
            pub const fn from_id(id: u16) -> Option<Self> {
                match id { $($id => Some(Self::$step),)* _ => None }
            }
        }
    };
}

steps! {
    /// `setns(2)` on the shell's init: mount, ipc and cgroup namespace. First: everything after it concerns those.
    JoinNamespaces = 100, "join the shell's namespaces";
    /// `setsid(2)`: no controlling terminal.
    NewSession = 101, "start a session";
    /// `prlimit(2)`. Before the user changes: the limits then hold from the first instruction as that user.
    Limits = 102, "set resource limits";
    /// `setgroups(2)`, only with a user of its own. Groups before user: afterwards the right is gone.
    Groups = 103, "empty the supplementary groups";
    /// `setresgid(2)`, only with a user of its own.
    Group = 104, "take the group id";
    /// `setresuid(2)`, only with a user of its own.
    User = 105, "take the user id";
    /// `keyctl(2)`. After the user id: the keyring is charged to the sandbox's own small quota.
    Keyring = 106, "join a session keyring";
    /// `chdir(2)`. After the user id: only the sandbox's user may enter the home directory.
    WorkingDirectory = 107, "enter the home directory";
    /// `capset(2)`. After the last step that needs a capability.
    Capabilities = 108, "drop all capabilities";
    /// `PR_SET_DUMPABLE`: off in a sandbox, on in a shell. After the last change of credentials, which resets it.
    Dumpable = 109, "set whether it may be dumped";
    /// `landlock_restrict_self(2)`: after everything that opens a file, and before the rule set is closed.
    Landlock = 110, "enter the Landlock rules";
    /// `dup3(2)`: standard input, output, error and the channel to 0, 1, 2 and 3.
    Descriptors = 111, "place the descriptors";
    /// `close_range(2)` from 4 on (in a shell: all but one): close-on-exec means nothing after a fork.
    CloseOthers = 112, "close all other descriptors";
    /// Signal mask emptied, or (in a shell) filled.
    Signals = 113, "set up signals";
    /// The delta filter, or (in a shell) that of its init: last, since it refuses steps before it.
    Filter = 114, "install the filter";
    /// What the kernel says about this process now.
    ReadBack = 115, "read back what holds";
    /// `mount(2)`: in a shell only.
    Mount = 116, "mount the private file systems";
    /// `ioctl(2)`: in a shell only, where the policy gives it a loopback.
    Network = 117, "switch the loopback on";
    /// `unshare(2)`: in a shell only, while it is in the cgroup of its sandbox, which becomes the root of what that sees.
    CgroupNamespace = 118, "make a cgroup namespace";
    /// `write(2)` to `tcp_rmem` and `tcp_wmem`: in a shell only, where the policy gives it a loopback.
    NetworkMemory = 119, "bound the memory of its connections";
}

impl Step {
    /// Its number.
    pub const fn id(self) -> u16 {
        self as u16
    }
}

/// A step that failed. A process which meets one must leave by `_exit`: a half-hardened sandbox never runs user code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot {}: {}", step.name(), Errno::from_raw(*errno))]
pub struct Failure {
    /// The step.
    pub step: Step,
    /// What the kernel answered.
    pub errno: i32,
}

impl Failure {
    /// A failure with this cause.
    pub const fn new(step: Step, errno: Errno) -> Self {
        Self { step, errno: errno as i32 }
    }
}
