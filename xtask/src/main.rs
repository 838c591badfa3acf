//! The project's own commands: `cargo xtask test`, `fidelity`, `attack`, `hostile`, `vm`, `bench`, `packages`, `ci` and `tidy`.
//!
//! One file per command. Nothing here is needed to use Zeroboot, and nothing of Zeroboot is linked in: the commands
//! start cargo, and read sources and metadata.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

mod attack;
mod bench;
mod ci;
mod fidelity;
mod flags;
mod hostile;
mod ordinary;
mod output;
mod packages;
mod release;
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
    match command.subcommand {
        XtaskCmd::Test(test) => test::run(&project_root()?, test.filter.as_deref()),
        XtaskCmd::Fidelity(asked) => fidelity::run(&project_root()?, &asked),
        XtaskCmd::Attack(attack) => attack::run(&project_root()?, &attack.args),
        // Started by itself, and not as `cargo xtask`: it asks for no root.
        XtaskCmd::AttackBuilt(built) => attack::run_built(&built.target, &built.patterns),
        XtaskCmd::Hostile(asked) => hostile::run(&project_root()?, &asked),
        XtaskCmd::Vm(asked) => vm::run(&project_root()?, asked.selection()?, asked.user.as_deref()),
        XtaskCmd::Bench(bench) => bench::run(&project_root()?, &bench.args),
        XtaskCmd::Packages(_) => packages::run(&project_root()?),
        XtaskCmd::Ci(_) => ci::run(&project_root()?),
        XtaskCmd::Tidy(_) => tidy::run(&project_root()?),
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
