//! The figures for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;

use serde::Serialize;

use super::figures::{Bench, Samples};
use super::noise::Watch;

/// The ratios, and what there is to say about each.
const RATIOS: [(&str, &str); 5] = [
    ("fork_size", "1 GiB over 10 MiB, frozen: goal <= 1.2"),
    ("spawn_over_floor", "goal <= 2.5"),
    ("cold_over_spawn_python", "goal >= 8 now, >= 15 in the end"),
    ("cold_over_spawn_python_result", "result against result"),
    ("cold_over_spawn_python_total", "end against end"),
];

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
            bench.all().into_iter().map(|samples| (samples.name, Figure::of(samples))).collect();
        let median = |samples: &Samples| samples.quantile(0.5).as_secs_f64();
        let disturbances = noise.disturbances(&bench.floor)?;
        let ratio = |over: &Samples, under: &Samples| round(median(over) / median(under));
        // What a disturbed run has measured stands there; what it proves is nothing.
        let ratios = if disturbances.is_empty() {
            BTreeMap::from([
                ("fork_size", ratio(&bench.fork_1g, &bench.fork_10m)),
                ("spawn_over_floor", ratio(&bench.spawn, &bench.floor)),
                ("cold_over_spawn_python", ratio(&bench.cold_python, &bench.spawn_python)),
                ("cold_over_spawn_python_result", ratio(&bench.cold_python_result, &bench.spawn_python)),
                ("cold_over_spawn_python_total", ratio(&bench.cold_python, &bench.spawn_python_total)),
            ])
        } else {
            BTreeMap::new()
        };
        let host = host(bench);

        let mut table = format!("{:20}{:>10}{:>10}{:>8}\n", "", "p50 us", "p99 us", "n");
        for samples in bench.all() {
            let figure = &figures[samples.name];
            let Figure { p50, p99, n, .. } = figure;
            writeln!(table, "{:20}{p50:10.1}{p99:10.1}{n:8}   {}", samples.name, samples.what)?;
        }
        for (name, note) in RATIOS {
            if let Some(ratio) = ratios.get(name) {
                writeln!(table, "{name:30}{ratio:8.2}   {note}")?;
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
