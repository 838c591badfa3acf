//! What a sandbox costs on this machine: every figure interleaved with the others in one run, as a table, JSON, plots and
//! pages.
//!
//! | module | does |
//! |---|---|
//! | `catalogue` | every figure and ratio by name, and the goals |
//! | `samples` | samples and their quantiles |
//! | `figures` | what is measured in rounds |
//! | `large` | templates with pandas and jax, where they are installed |
//! | `crowd` | many sandboxes at once |
//! | `process`, `peers` | other programs |
//! | `noise` | whether the machine was quiet |
//! | `measure` | a whole run |
//! | `report` | what it has found: the JSON |
//! | `table`, `plot`, `page`, `doc` | what is made of it |
//! | `gate` | the ratios against a baseline |
//!
//! Absolute times move from machine to machine and from run to run; the ratios are what counts. Never here: a figure that
//! was not measured in this run.

#![forbid(unsafe_code)]
#![expect(clippy::print_stderr, reason = "a program for a terminal")]

mod catalogue;
mod crowd;
mod doc;
mod figures;
mod gate;
mod large;
mod measure;
mod noise;
mod page;
mod peers;
mod plot;
mod process;
mod report;
mod samples;
mod table;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};

use self::gate::Baseline;
use self::measure::{Length, Peers};
use self::report::{Report, Verdict};

mod flags {
    use std::path::PathBuf;

    xflags::xflags! {
        /// Measures what a sandbox costs.
        ///
        /// Writes plots, a page and the JSON to a directory. Exit status: 0; 1 when it could not measure, or a check has
        /// failed; 3 when the run was too noisy for what was asked, or the baseline is of another machine.
        cmd compare {
            /// Fewer rounds: ends within a minute.
            optional --quick
            /// The same Python job under the other programs that confine one, whichever are on this machine.
            optional --peers
            /// Writes the JSON to this file as well.
            optional --json file: PathBuf
            /// Where plots, page and JSON are written: target/bench unless something else is said.
            optional --out directory: PathBuf
            /// Writes docs/benchmarks.md, unless the run was noisy.
            optional --doc
            /// Compares the ratios with benches/baseline.json.
            optional --check
            /// Measures several times, and writes benches/baseline.json, unless one of the runs was noisy.
            optional --update-baseline
            /// Measures nothing: takes the JSON of an earlier run.
            optional --from file: PathBuf
        }
    }
}

/// Nothing can be said: the machine was not quiet, or is another one.
const WITHHELD: u8 = 3;

fn main() -> ExitCode {
    zeroboot::init();
    match run(&flags::Compare::from_env_or_exit()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: &flags::Compare) -> anyhow::Result<ExitCode> {
    let length = if flags.quick { Length::Quick } else { Length::Full };
    let peers = if flags.peers { Peers::Measured } else { Peers::LeftOut };
    if flags.update_baseline {
        // How fast others are is no matter of a regression.
        let alone = flags.from.is_none() && !flags.check && !flags.peers;
        ensure!(alone, "--update-baseline measures our own figures, and compares with nothing");
        return update_baseline(length);
    }

    // Whatever is missing is missed before a minute of measuring.
    let baseline = flags.check.then(|| Baseline::read(&baseline_path())).transpose()?;
    let report = match &flags.from {
        Some(path) => Report::read(path)?,
        None => measure::run(length, peers)?,
    };
    say(&table::text(&report))?;
    if let Some(path) = &flags.json {
        write(path, &report.json()?)?;
    }
    let directory = flags.out.clone().unwrap_or_else(|| root().join("target/bench"));
    publish(&report, &directory)?;

    let mut code = ExitCode::SUCCESS;
    if flags.doc && report.verdict == Verdict::Ok {
        write(&root().join("docs/benchmarks.md"), &doc::markdown(&report))?;
    } else if flags.doc {
        say("docs/benchmarks.md is left as it was: the run was noisy\n")?;
        code = ExitCode::from(WITHHELD);
    }
    if let Some(baseline) = baseline {
        let judgement = baseline.judge(&report);
        say(&format!("\n{judgement}"))?;
        code = match judgement.failed() {
            Some(true) => ExitCode::FAILURE,
            Some(false) => code,
            None => ExitCode::from(WITHHELD),
        };
    }
    Ok(code)
}

/// The project's directory.
fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

fn baseline_path() -> PathBuf {
    root().join("benches/baseline.json")
}

/// The plots, the page and the JSON of a run, in one directory. Plots of an earlier run that this one has no figures for are
/// removed.
fn publish(report: &Report, directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let plots = plot::all(report)?;
    for name in plot::NAMES {
        let path = directory.join(name).with_extension("svg");
        match plots.iter().find(|plot| plot.name == name) {
            Some(plot) => write(&path, &plot.svg)?,
            None if path.exists() => fs::remove_file(&path)?,
            None => {}
        }
    }
    write(&directory.join("index.html"), &page::html(report, &plots))?;
    write(&directory.join("bench.json"), &report.json()?)
}

fn update_baseline(length: Length) -> anyhow::Result<ExitCode> {
    let mut runs = Vec::new();
    for number in 1..=gate::RUNS {
        let run = measure::run(length, Peers::LeftOut)?;
        say(&format!("run {number} of {}\n{}\n", gate::RUNS, table::text(&run)))?;
        if run.verdict == Verdict::Noisy {
            say("the baseline is left as it was: the run was noisy\n")?;
            return Ok(ExitCode::from(WITHHELD));
        }
        runs.push(run);
    }
    write(&baseline_path(), &Baseline::of(&runs)?.json()?)?;
    Ok(ExitCode::SUCCESS)
}

fn say(text: &str) -> std::io::Result<()> {
    std::io::stdout().lock().write_all(text.as_bytes())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
