//! The `zeroboot` command: runs scripts in sandboxes, for people and for programs.
//!
//! Never here: anything that a program which embeds the facade could not do itself.

#![forbid(unsafe_code)]

mod arguments;
mod collected;
mod doctor;
mod document;
mod failure;
mod input;
mod map;
mod notes;
mod run;
mod script;
mod top;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use arguments::{Command, CommandLine};
use failure::Failure;

/// The command itself could not do it.
const OWN_FAILURE: u8 = 125;

fn main() -> ExitCode {
    // The doctor's probe is this program itself.
    zeroboot::init();
    raise_open_files();
    let command_line = match CommandLine::try_parse() {
        Ok(command_line) => command_line,
        Err(error) => {
            // Alone, the command says what it can do.
            if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
                let _ = CommandLine::command().print_help();
                return ExitCode::SUCCESS;
            }
            if error.use_stderr() {
                Failure::usage(&error).say();
                return ExitCode::from(OWN_FAILURE);
            }
            // The help. A reader that has closed its end wants no more of it.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
    };
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::CLOSE)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let result = match command_line.command {
        Command::Run(options) => run::run(&options),
        Command::Map(options) => map::run(&options),
        Command::Top(options) => top::run(&options),
        Command::Doctor(options) => doctor::run(&options),
        Command::Version => version(),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            failure.say();
            ExitCode::from(OWN_FAILURE)
        }
    }
}

/// Takes what its starter allows. Sandboxes of an ordinary user get a part of this process's soft limit, which is low by
/// tradition; where it cannot be raised they get a part of what it is.
fn raise_open_files() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

fn version() -> Result<u8, Failure> {
    writeln!(std::io::stdout(), "zeroboot {}", env!("CARGO_PKG_VERSION"))
        .map(|()| 0)
        .map_err(|error| Failure::stream("cannot write to standard output", &error))
}
