//! The figures for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;

use serde::Serialize;

use super::figures::{Bench, Samples};
use super::noise::Watch;

/// The ratios: of which figures' medians, and what there is to say about each.
const RATIOS: [Ratio; 9] = [
    Ratio::new("fork_size", "fork_1g", "fork_10m", "1 GiB over 10 MiB, frozen: goal <= 1.2"),
    Ratio::new("spawn_over_floor", "spawn", "floor", "goal <= 2.5"),
    Ratio::new("claim_over_floor", "claim_python", "floor", "goal <= 1.5"),
    Ratio::new("cold_over_spawn_python", "cold_python", "spawn_python", "goal >= 15"),
    Ratio::new(
        "cold_over_spawn_python_result",
        "cold_python_result",
        "spawn_python",
        "result against result",
    ),
    Ratio::new("cold_over_spawn_python_total", "cold_python", "spawn_python_total", "end against end"),
    Ratio::new("cold_over_spawn_python_site", "cold_python_site", "spawn_python_site", "both with site"),
    Ratio::new(
        "cold_over_spawn_python_site_result",
        "cold_python_site_result",
        "spawn_python_site",
        "result against result",
    ),
    Ratio::new(
        "bare_cold_over_spawn_python_site",
        "cold_python",
        "spawn_python_site",
        "site in the sandbox alone",
    ),
];

struct Ratio {
    name: &'static str,
    over: &'static str,
    under: &'static str,
    note: &'static str,
}

impl Ratio {
    const fn new(name: &'static str, over: &'static str, under: &'static str, note: &'static str) -> Self {
        Self { name, over, under, note }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    host: BTreeMap<&'static str, String>,
    verdict: &'static str,
    figures: BTreeMap<&'static str, Figure>,
    ratios: BTreeMap<&'static str, f64>,
    #[serde(skip)]
    table: String,
    #[serde(skip)]
    disturbances: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Figure {
    p50: f64,
    p99: f64,
    n: usize,
    unit: &'static str,
}

impl Report {
    pub(crate) fn new(bench: &Bench, noise: &Watch) -> anyhow::Result<Self> {
        let figures: BTreeMap<_, _> =
            bench.all().iter().map(|samples| (samples.name, Figure::of(samples))).collect();
        let median = |name| -> anyhow::Result<f64> { Ok(bench.of(name)?.quantile(0.5).as_secs_f64()) };
        let disturbances = noise.disturbances(bench.of("floor")?)?;
        let mut ratios = BTreeMap::new();
        // What a disturbed run has measured stands there; what it proves is nothing.
        for Ratio { name, over, under, .. } in RATIOS.iter().filter(|_| disturbances.is_empty()) {
            ratios.insert(*name, round(median(over)? / median(under)?));
        }
        let host = host(bench);

        let mut table = format!("{:24}{:>10}{:>10}{:>8}\n", "", "p50 us", "p99 us", "n");
        for samples in bench.all() {
            let figure = &figures[samples.name];
            let Figure { p50, p99, n, .. } = figure;
            writeln!(table, "{:24}{p50:10.1}{p99:10.1}{n:8}   {}", samples.name, samples.what)?;
        }
        for Ratio { name, note, .. } in RATIOS {
            if let Some(ratio) = ratios.get(name) {
                writeln!(table, "{name:35}{ratio:8.2}   {note}")?;
            }
        }
        let verdict = if disturbances.is_empty() { "ok" } else { "noisy" };
        Ok(Self { host, verdict, figures, ratios, table, disturbances })
    }

    pub(crate) fn print(&self) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        let host: Vec<&str> = self.host.values().map(String::as_str).collect();
        writeln!(out, "{}\n", host.join(", "))?;
        out.write_all(self.table.as_bytes())?;
        match &self.disturbances[..] {
            [] => Ok(()),
            found => writeln!(out, "noisy: {}; no ratios", found.join("; ")),
        }
    }
}

impl Figure {
    fn of(samples: &Samples) -> Self {
        let us = |share| round(samples.quantile(share).as_secs_f64() * 1e6);
        Self { p50: us(0.5), p99: us(0.99), n: samples.times.len(), unit: "us" }
    }
}

/// Two digits after the point.
fn round(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn host(bench: &Bench) -> BTreeMap<&'static str, String> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    BTreeMap::from([
        ("kernel", format!("Linux {}", read("/proc/sys/kernel/osrelease").trim())),
        ("cpus", format!("{cpus} CPUs")),
        ("model", model.map_or_else(|| "unknown CPU".to_owned(), |(_, name)| name.trim().to_owned())),
        ("python", format!("Python {}", bench.interpreter())),
    ])
}
