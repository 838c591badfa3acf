//! An error in words: its own and those of all its causes, since a message of ours never repeats that of its source.

use std::error::Error;

use nix::errno::Errno;
use zeroboot_fork::StepFailure;
use zeroboot_isolation::child::Step;

/// The whole chain, from what was tried down to what the kernel answered.
pub(crate) fn of(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut below = error.source();
    while let Some(cause) = below {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        below = cause.source();
    }
    words
}

/// What could not be done, and what the kernel answered: the engine does not know what the steps of the hardening are.
pub(crate) fn of_step(failure: StepFailure) -> String {
    let errno = Errno::from_raw(failure.errno);
    match Step::from_id(failure.step.0) {
        Some(step) => format!("{}: {errno}", step.name()),
        None => format!("{}: {errno}", failure.step),
    }
}

/// Gives errors a method `cause`.
#[cfg(feature = "host")]
macro_rules! with_cause {
    ($($error:ty),+ $(,)?) => {$(
        impl $error {
            /// What went wrong, in words, down to the last cause. As `Display` it says the uppermost alone.
            #[must_use]
            pub fn cause(&self) -> String {
                $crate::words::of(self)
            }
        }
    )+};
}

#[cfg(feature = "host")]
pub(crate) use with_cause;
