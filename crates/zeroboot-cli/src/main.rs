//! The `zeroboot` command: runs scripts in sandboxes, for people and for programs.
//!
//! Never here: anything that a program which embeds the facade could not do itself.

#![forbid(unsafe_code)]

mod arguments;
mod document;
mod run;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use arguments::{Command, CommandLine};

/// The command itself could not do it.
const OWN_FAILURE: u8 = 125;

fn main() -> ExitCode {
    let command_line = match CommandLine::try_parse() {
        Ok(command_line) => command_line,
        Err(error) => {
            // Where neither stream takes it there is nobody to tell.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(OWN_FAILURE) } else { ExitCode::SUCCESS };
        }
    };
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::CLOSE)
        .with_writer(std::io::stderr)
        .init();
    let result = match command_line.command {
        Command::Run(options) => run::run(&options),
        Command::Version => version(),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            let mut text = format!("zeroboot: {}\n", failure.cause);
            if let Some(remedy) = failure.remedy {
                text.push_str(&format!("  remedy: {remedy}\n"));
            }
            // Where standard error is closed there is nobody to tell.
            let _ = std::io::stderr().write_all(text.as_bytes());
            ExitCode::from(OWN_FAILURE)
        }
    }
}

/// Why the command could not do it, and what a person can do.
struct Failure {
    cause: String,
    remedy: Option<String>,
}

impl Failure {
    fn new(cause: impl std::fmt::Display, remedy: Option<String>) -> Self {
        // One line: findings and causes may come in several.
        let one_line = |text: String| text.trim().replace('\n', "; ");
        Self { cause: one_line(cause.to_string()), remedy: remedy.map(one_line) }
    }
}

fn version() -> Result<u8, Failure> {
    writeln!(std::io::stdout(), "zeroboot {}", env!("CARGO_PKG_VERSION"))
        .map(|()| 0)
        .map_err(|error| Failure::new(format!("cannot write to standard output: {error}"), None))
}
