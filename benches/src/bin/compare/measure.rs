//! A whole run, from the first round to the verdict.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use indicatif::{ProgressBar, ProgressStyle};
use zeroboot::Template;

use super::crowd::{self, Callers, Lived};
use super::figures::Bench;
use super::noise::Watch;
use super::peers;
use super::report::{self, Rate, Report, Verdict};
use super::samples::{Figure, Samples, Unit};

/// How long a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    Full,
    /// It ends within a minute.
    Quick,
}

/// Whether other programs are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peers {
    Measured,
    LeftOut,
}

/// Rounds before those that count: caches, pools and clocks settle.
const SETTLING: u64 = 20;

/// How often and how long each thing is measured.
struct Extent {
    rounds: u64,
    /// Rounds end after this time, however many there were.
    rounds_time: Duration,
    callers: &'static [usize],
    throughput_time: Duration,
    throughput_times: usize,
    crowds: usize,
    peer_rounds: u64,
    peer_time: Duration,
}

impl Length {
    fn extent(self) -> Extent {
        match self {
            Self::Full => Extent {
                rounds: 2_000,
                rounds_time: Duration::MAX,
                callers: &[1, 2, 4, 8, 16, 32, 64],
                throughput_time: Duration::from_secs(1),
                throughput_times: 5,
                crowds: 3,
                peer_rounds: 200,
                peer_time: Duration::MAX,
            },
            Self::Quick => Extent {
                rounds: 400,
                rounds_time: Duration::from_secs(20),
                callers: &[1, 2, 4],
                throughput_time: Duration::from_millis(500),
                throughput_times: 2,
                crowds: 1,
                peer_rounds: 20,
                peer_time: Duration::from_secs(10),
            },
        }
    }
}

/// Measures everything.
pub(crate) fn run(length: Length, with_peers: Peers) -> anyhow::Result<Report> {
    let extent = length.extent();
    let mut bench = Bench::prepare()?;
    for _ in 0..SETTLING {
        bench.round()?;
    }
    bench.forget();
    let noise = Watch::start()?;
    let bar = progress(extent.rounds, "rounds");
    let begun = Instant::now();
    for _ in 0..extent.rounds {
        bench.round()?;
        bar.inc(1);
        if begun.elapsed() > extent.rounds_time {
            break;
        }
    }
    bar.finish_and_clear();
    let python = bench.python().clone();
    // Gigabytes of processes go with the rest of it.
    let mut samples = bench.into_samples();
    let floor = samples.iter().find(|samples| samples.name == "floor").context("the floor")?.clone();

    let mut failed = BTreeMap::new();
    let rates = many(&python, &extent, &mut samples, &mut failed);
    let measured = match with_peers {
        Peers::Measured => {
            let bar = progress(extent.peer_rounds, "rounds of peers");
            let measured = peers::measure(&python, extent.peer_rounds, extent.peer_time, &bar)?;
            bar.finish_and_clear();
            measured
        }
        Peers::LeftOut => peers::Measured::default(),
    };
    samples.extend(measured.samples);

    let mut figures: BTreeMap<String, Figure> =
        samples.iter().filter_map(|samples| Some((samples.name.clone(), samples.figure()?))).collect();
    if let (Some(best), Some(figure)) = (crowd::best(&rates), figures.get_mut("throughput")) {
        figure.callers = Some(best.callers);
    }
    let disturbances = noise.disturbances(&floor)?;
    let (verdict, ratios) = match &disturbances[..] {
        [] => (Verdict::Ok, report::ratios(&figures)),
        _ => (Verdict::Noisy, BTreeMap::new()),
    };
    Ok(Report {
        host: report::host(python.interpreter()),
        commit: report::commit(),
        command: command(length, with_peers),
        verdict,
        disturbances,
        figures,
        failed,
        ratios,
        throughput_by_callers: rates.iter().map(Rate::from).collect(),
        peers: measured.peers,
    })
}

/// The figures of many sandboxes. One that this machine has no room for is told, and the run goes on.
fn many(
    python: &Template,
    extent: &Extent,
    samples: &mut Vec<Samples>,
    failed: &mut BTreeMap<String, String>,
) -> Vec<Callers> {
    let rates = crowd::throughput(python, extent.callers, extent.throughput_time, extent.throughput_times)
        .unwrap_or_else(|error| {
            failed.insert("throughput".to_owned(), format!("{error:#}"));
            Vec::new()
        });
    let best = crowd::best(&rates);
    samples.extend(best.map(|best| best.samples.clone()));
    let at_once = best.map_or(1, |best| best.callers);

    let mut thousand = Samples::new("thousand", Unit::Ms);
    let mut ran = Samples::new("ran_kib", Unit::Kib);
    let mut parked = Samples::new("parked_kib", Unit::Kib);
    let mut keep = |samples: &mut Samples, measured: anyhow::Result<f64>| match measured {
        Ok(value) => samples.values.push(value),
        Err(error) => drop(failed.insert(samples.name.clone(), format!("{error:#}"))),
    };
    for _ in 0..extent.crowds {
        match crowd::thousand(python, at_once) {
            Ok(Lived { took, kib }) => {
                keep(&mut thousand, Ok(took.as_secs_f64() * 1e3));
                keep(&mut ran, kib);
            }
            Err(error) => {
                keep(&mut ran, Err(anyhow!("{error:#}")));
                keep(&mut thousand, Err(error));
            }
        }
        keep(&mut parked, crowd::parked_kib(python));
    }
    samples.extend([thousand, ran, parked].into_iter().filter(|samples| !samples.values.is_empty()));
    // A repetition that has failed is one fewer.
    failed.retain(|name, _| samples.iter().all(|samples| samples.name != *name));
    rates
}

/// How this run can be repeated.
fn command(length: Length, peers: Peers) -> String {
    let quick = if length == Length::Quick { " --quick" } else { "" };
    let peers = if peers == Peers::Measured { " --peers" } else { "" };
    format!("cargo xtask bench{quick}{peers}")
}

fn progress(rounds: u64, of: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}, {eta} left");
    ProgressBar::new(rounds)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_message(of)
}
