//! An error in words: its own and those of all its causes, since a message of ours never repeats that of its source.

use std::error::Error;

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
