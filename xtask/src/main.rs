//! The project's own commands: `cargo xtask test`, `attack`, `vm`, `bench`, `ci` and `tidy`.
//!
//! One file per command. Nothing here is needed to use Zeroboot, and nothing of Zeroboot is linked in: the commands
//! start cargo, and read sources and metadata.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

mod attack;
mod bench;
mod ci;
mod flags;
mod output;
mod test;
mod tidy;
mod venv;
mod vm;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use crate::flags::{Xtask, XtaskCmd};

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<ExitCode> {
    let command = Xtask::read(env::args_os().skip(1)).unwrap_or_else(|error| error.exit());
    let root = project_root()?;
    match command.subcommand {
        XtaskCmd::Test(test) => test::run(&root, test.filter.as_deref()),
        XtaskCmd::Attack(attack) => attack::run(&root, &attack.args),
        XtaskCmd::Vm(asked) => vm::run(&root, asked.filter.as_deref(), asked.user.as_deref()),
        XtaskCmd::Bench(bench) => bench::run(&root, &bench.args),
        XtaskCmd::Ci(_) => ci::run(&root),
        XtaskCmd::Tidy(_) => tidy::run(&root),
        XtaskCmd::Help(_) => {
            println!("{}", Xtask::HELP);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn project_root() -> anyhow::Result<PathBuf> {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").context("start this program as `cargo xtask`")?;
    let root = PathBuf::from(manifest).parent().context("xtask lies in the project's root")?.to_path_buf();
    Ok(root)
}
