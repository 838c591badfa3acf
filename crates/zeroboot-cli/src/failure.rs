//! Why the command could not do it: always two lines on standard error, the cause and what a person can do.

use std::io::{self, ErrorKind, Write};

use zeroboot::{BuildError, PoolError, RunError};

/// For causes that nobody foresaw a way out of: at least they can be looked into.
const LOOK: &str = "set RUST_LOG=debug to see the steps before the failure";

/// Cause and remedy, each in one line.
#[derive(Debug)]
pub(crate) struct Failure {
    cause: String,
    remedy: String,
}

impl Failure {
    pub(crate) fn new(cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        // Findings and causes may come in several lines.
        let one_line = |text: String| text.trim().replace('\n', "; ");
        Self { cause: one_line(cause.into()), remedy: one_line(remedy.into()) }
    }

    /// A standard stream of this command that does not do what it should.
    pub(crate) fn stream(cause: &str, error: &io::Error) -> Self {
        let remedy = match error.kind() {
            ErrorKind::BrokenPipe => "let the reader go on to the end, or write to a file",
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                "make room, or write somewhere else"
            }
            ErrorKind::IsADirectory => "give a file, a pipe or a terminal, or /dev/null",
            _ => "check where the stream leads, or use another file, pipe or terminal",
        };
        Self::new(format!("{cause}: {error}"), remedy)
    }

    /// A command line that is not understood, in the words of its parser.
    pub(crate) fn usage(error: &clap::Error) -> Self {
        // What is wrong, perhaps tips, the usage, and a pointer to the help, with empty lines between.
        let text = error.render().to_string();
        let cause = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
        // A value that does not fit comes without a usage; only one command has values.
        let usage = text.lines().find_map(|line| line.strip_prefix("Usage: ")).unwrap_or("zeroboot run");
        let words = usage.split(' ').take_while(|word| word.starts_with(char::is_lowercase));
        let help = format!("see {} --help", words.collect::<Vec<_>>().join(" "));
        // The other tips are about ways to hand an argument over, which here goes by its place.
        let tips = text.lines().filter_map(|line| line.trim().strip_prefix("tip: "));
        let remedy: Vec<&str> = tips.filter(|tip| tip.contains("similar")).chain([help.as_str()]).collect();
        let cause: Vec<&str> = cause.lines().map(str::trim).collect();
        Self::new(cause.join(" "), remedy.join("; "))
    }

    /// Says it. Where standard error is closed there is nobody to tell.
    pub(crate) fn say(&self) {
        let Self { cause, remedy } = self;
        let text = format!("zeroboot: {cause}\n  remedy: {remedy}\n");
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        Self::new(error.cause(), error.remedy().unwrap_or_else(|| LOOK.to_owned()))
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        Self::new(error.cause(), error.remedy().unwrap_or_else(|| LOOK.to_owned()))
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self::new(error.cause(), error.remedy().unwrap_or_else(|| LOOK.to_owned()))
    }
}
