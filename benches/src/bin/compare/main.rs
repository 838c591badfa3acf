//! What a sandbox costs on this machine: every figure interleaved with the others in one run, as a table and as JSON.
//!
//! Absolute times move from machine to machine and from run to run; the ratios are what counts. Never here: a figure that
//! was not measured in this run.

#![forbid(unsafe_code)]

mod figures;
mod noise;
mod report;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};

mod flags {
    use std::path::PathBuf;

    xflags::xflags! {
        /// Measures what a sandbox costs.
        cmd compare {
            /// Fewer rounds: ends within a minute.
            optional --quick
            /// Writes the figures to this file as well.
            optional --json file: PathBuf
        }
    }
}

/// How often each figure is measured.
const ROUNDS: u64 = 2_000;
const QUICK_ROUNDS: u64 = 400;

/// Rounds before those that count: caches, pools and clocks settle.
const SETTLING: u64 = 20;

fn main() -> anyhow::Result<ExitCode> {
    zeroboot::init();
    let flags = flags::Compare::from_env_or_exit();
    let rounds = if flags.quick { QUICK_ROUNDS } else { ROUNDS };

    let mut bench = figures::Bench::prepare()?;
    for _ in 0..SETTLING {
        bench.round()?;
    }
    bench.forget();
    let noise = noise::Watch::start()?;
    let bar = progress(rounds);
    for _ in 0..rounds {
        bench.round()?;
        bar.inc(1);
    }
    bar.finish_and_clear();

    let report = report::Report::new(&bench, &noise)?;
    report.print()?;
    if let Some(path) = &flags.json {
        write(path, &report)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn progress(rounds: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} rounds, {eta} left");
    ProgressBar::new(rounds).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn write(path: &PathBuf, report: &report::Report) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(report)?;
    std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}
