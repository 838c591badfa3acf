//! What a pool is to be.

use std::time::Duration;

use crate::host::wear::Rotation;

/// How many sandboxes are kept parked, what they run ahead, and when their template is rotated.
///
/// ```
/// use std::time::Duration;
/// use zeroboot_runtime::host::PoolOptions;
///
/// let options = PoolOptions::new(16).ahead("import json; json.dumps([1])").rotate_after_crashes(10);
/// # let _ = options;
/// ```
#[derive(Debug, Clone)]
pub struct PoolOptions {
    pub(super) size: usize,
    pub(super) ahead: Ahead,
    pub(super) rotation: Rotation,
}

/// What a parked sandbox of a Python template runs.
#[derive(Debug, Clone)]
pub(super) enum Ahead {
    Nothing,
    Rehearsal,
    Code(String),
}

impl PoolOptions {
    /// So many sandboxes (one at least), which run the code of the template's rehearsal ahead.
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self { size: size.max(1), ahead: Ahead::Rehearsal, rotation: Rotation::default() }
    }

    /// Sets the code that each parked sandbox runs ahead of its job, so that the memory that scripts need is its own
    /// already. For Python templates; other kinds run nothing ahead.
    ///
    /// It should do what all scripts do: import, make values, print. It is the template author's, like the warm-up, and runs
    /// in each sandbox before it is offered. Its standard streams are empty, what it prints is lost, and its variables are
    /// gone when the job comes; random generators are seeded again. What else it changes (modules, files of its home,
    /// threads) stays, and the job finds it. When it fails the sandbox is not offered.
    #[must_use]
    pub fn ahead(mut self, code: impl Into<String>) -> Self {
        self.ahead = Ahead::Code(code.into());
        self
    }

    /// Lets parked sandboxes run nothing ahead: each takes less memory, and a claim takes longer to answer.
    #[must_use]
    pub fn nothing_ahead(mut self) -> Self {
        self.ahead = Ahead::Nothing;
        self
    }

    /// [Rotates](super::Template::rotate) the template after so many forks of one generation, on demand or parked.
    #[must_use]
    pub fn rotate_after_forks(mut self, forks: u64) -> Self {
        self.rotation.forks = Some(forks.max(1));
        self
    }

    /// Rotates the template when a generation is so old.
    #[must_use]
    pub fn rotate_after(mut self, age: Duration) -> Self {
        self.rotation.age = Some(age);
        self
    }

    /// Rotates the template after so many crashes in one generation: sandboxes whose first process was ended by `SIGSEGV`,
    /// `SIGBUS`, `SIGILL`, `SIGABRT`, `SIGTRAP` or `SIGSYS`. What a process below that one does is not seen.
    #[must_use]
    pub fn rotate_after_crashes(mut self, crashes: u64) -> Self {
        self.rotation.crashes = Some(crashes.max(1));
        self
    }
}
