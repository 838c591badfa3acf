//! How a child says what went wrong: two numbers, since it may not format.

use std::fmt;

use nix::errno::Errno;

/// Which step failed. 0 to 99 are this crate's own; a [`Hook`] numbers its steps from 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepId(pub u16);

impl StepId {
    /// Registering libc's list of robust mutexes for the child.
    pub const ROBUST_LIST: Self = Self(1);
    /// Checking that libc's cached thread id is the child's own.
    pub const THREAD_ID: Self = Self(2);
    /// Setting signal handlers to their defaults.
    pub const SIGNAL_HANDLERS: Self = Self(3);
    /// Putting the signal mask back.
    pub const SIGNAL_MASK: Self = Self(4);
    /// Joining a prepared pid namespace, or asking for the fork: steps of the parent, told in the same form.
    pub const FORK: Self = Self(5);
    /// Copying memory that children rewrite.
    pub const WRITE_HEAVY: Self = Self(9);
    /// Asking for a signal at the parent's death.
    pub const DEATH_SIGNAL: Self = Self(6);
    /// Taking a lower priority.
    pub const PRIORITY: Self = Self(7);
    /// Taking the parent's descriptors out of reach.
    pub const DESCRIPTORS: Self = Self(8);

    fn name(self) -> Option<&'static str> {
        match self {
            Self::ROBUST_LIST => Some("register the robust list"),
            Self::THREAD_ID => Some("repair the thread id"),
            Self::SIGNAL_HANDLERS => Some("reset the signal handlers"),
            Self::SIGNAL_MASK => Some("restore the signal mask"),
            Self::FORK => Some("fork"),
            Self::WRITE_HEAVY => Some("copy the write-heavy memory"),
            Self::DEATH_SIGNAL => Some("ask for a signal at its parent's death"),
            Self::PRIORITY => Some("lower its priority"),
            Self::DESCRIPTORS => Some("hide its parent's descriptors"),
            _ => None,
        }
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "do step {}", self.0),
        }
    }
}

/// A step that failed between the fork and the hand-over, in a form that a child can send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the child could not {step}: {}", Errno::from_raw(*errno))]
pub struct StepFailure {
    /// The step.
    pub step: StepId,
    /// What the kernel answered.
    pub errno: i32,
}

impl StepFailure {
    /// The length of [`to_bytes`](Self::to_bytes).
    pub const LENGTH: usize = 8;

    /// A failure with this cause.
    #[must_use]
    pub const fn new(step: StepId, errno: Errno) -> Self {
        Self { step, errno: errno as i32 }
    }

    /// Native-endian bytes. Does not allocate.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LENGTH] {
        let [a, b] = self.step.0.to_ne_bytes();
        let [c, d, e, f] = self.errno.to_ne_bytes();
        [a, b, 0, 0, c, d, e, f]
    }

    /// The reverse of [`to_bytes`](Self::to_bytes); any bytes are accepted.
    #[must_use]
    pub fn from_bytes([a, b, _, _, c, d, e, f]: [u8; Self::LENGTH]) -> Self {
        Self { step: StepId(u16::from_ne_bytes([a, b])), errno: i32::from_ne_bytes([c, d, e, f]) }
    }
}

/// What runs in the child before user code does: bound by the child rules (see the crate's page). Everything it needs
/// is prepared before the fork and borrowed.
pub type Hook<'a> = &'a dyn Fn() -> Result<(), StepFailure>;
