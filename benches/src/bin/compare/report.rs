//! What one run has found: the shape of the JSON, and all that tables, plots and pages are made from.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use zeroboot::Interpreter;

use super::catalogue::{OURSELVES, Of, RATIOS, peer, peer_ratio, peer_total, place, what};
use super::crowd::Callers;
use super::peers::{self, Peer};
use super::samples::{Figure, round};

/// Whether the machine was quiet enough to believe the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Ok,
    Noisy,
}

/// Sandboxes a second with so many callers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rate {
    pub(crate) callers: usize,
    pub(crate) per_s: f64,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) host: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) commit: String,
    #[serde(default)]
    pub(crate) command: String,
    pub(crate) verdict: Verdict,
    /// Why the verdict is not ok.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) disturbances: Vec<String>,
    pub(crate) figures: BTreeMap<String, Figure>,
    /// Figures that were to be measured and could not be, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) failed: BTreeMap<String, String>,
    /// None in a noisy run: what it has measured stands there, what it proves is nothing.
    pub(crate) ratios: BTreeMap<String, f64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) throughput_by_callers: Vec<Rate>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) peers: Vec<Peer>,
}

impl Report {
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is no report", path.display()))
    }

    pub(crate) fn json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The figures in the order in which they are told.
    pub(crate) fn ordered_figures(&self) -> Vec<(&str, &Figure)> {
        let mut all: Vec<_> = self.figures.iter().map(|(name, figure)| (&**name, figure)).collect();
        all.sort_by_key(|(name, _)| rank(Of::Figure, name));
        all
    }

    /// The ratios in the order in which they are told.
    pub(crate) fn ordered_ratios(&self) -> Vec<(&str, f64)> {
        let mut all: Vec<_> = self.ratios.iter().map(|(name, ratio)| (&**name, *ratio)).collect();
        all.sort_by_key(|(name, _)| rank(Of::Ratio, name));
        all
    }

    /// The host in one line.
    pub(crate) fn host_line(&self) -> String {
        let known = ["model", "cpus", "kernel", "python"].into_iter().filter_map(|key| self.host.get(key));
        known.map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

impl From<&Callers> for Rate {
    fn from(callers: &Callers) -> Self {
        Self { callers: callers.callers, per_s: round(callers.median()) }
    }
}

/// All ratios of these figures.
pub(crate) fn ratios(figures: &BTreeMap<String, Figure>) -> BTreeMap<String, f64> {
    let own = RATIOS.iter().filter_map(|ratio| Some((ratio.name.to_owned(), ratio.of(figures)?)));
    let ours = figures.get(&peer(OURSELVES)).map(|figure| figure.p50);
    let against = |name| {
        let theirs = figures.get(&peer(name))?.p50;
        Some((peer_ratio(name), round(theirs / ours?)))
    };
    own.chain(peers::names().filter(|name| *name != OURSELVES).filter_map(against)).collect()
}

/// What a figure means in this run.
pub(crate) fn meaning(name: &str, figure: &Figure) -> String {
    match figure.callers {
        Some(callers) => format!("{} ({callers})", what(Of::Figure, name)),
        None => what(Of::Figure, name),
    }
}

/// What the figures depend on.
pub(crate) fn host(interpreter: Option<&Interpreter>) -> BTreeMap<String, String> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let python = interpreter.map_or_else(String::new, |interpreter| {
        let (major, minor) = interpreter.version();
        format!("Python {major}.{minor}")
    });
    let all = [
        ("kernel", format!("Linux {}", read("/proc/sys/kernel/osrelease").trim())),
        ("cpus", format!("{cpus} CPUs")),
        ("model", model.map_or_else(|| "unknown CPU".to_owned(), |(_, name)| name.trim().to_owned())),
        ("python", python),
    ];
    all.map(|(key, value)| (key.to_owned(), value)).into()
}

/// What was measured: the commit, and whether files differ from it.
pub(crate) fn commit() -> String {
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--exclude=*", "--dirty=, with changes"]).current_dir(crate::root());
    match git.output() {
        Ok(said) if said.status.success() => String::from_utf8_lossy(&said.stdout).trim().to_owned(),
        _ => "unknown".to_owned(),
    }
}

/// What is in the catalogue comes first, then the peers in their order.
fn rank(of: Of, name: &str) -> (usize, usize) {
    let is_of = |of| [peer(of), peer_total(of), peer_ratio(of)].iter().any(|known| known == name);
    (place(of, name), peers::names().position(is_of).unwrap_or(usize::MAX))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::samples::Unit;
    use super::*;

    /// A run with one of everything, and made-up numbers.
    pub(crate) fn made_up() -> Report {
        let figure = |name: &str, p50, unit| {
            (name.to_owned(), Figure { p50, p99: p50 * 3.0, n: 100, unit, callers: None })
        };
        let throughput = Figure { p50: 900.0, p99: 850.0, n: 5, unit: Unit::PerS, callers: Some(2) };
        let figures: BTreeMap<_, _> = [
            figure("floor", 100.0, Unit::Us),
            figure("spawn", 240.0, Unit::Us),
            figure("spawn_python", 800.0, Unit::Us),
            figure("cold_python", 8000.0, Unit::Us),
            figure("thousand", 400.0, Unit::Ms),
            figure("parked_kib", 190.0, Unit::Kib),
            ("throughput".to_owned(), throughput),
            figure("peer_zeroboot", 900.0, Unit::Us),
            figure("peer_zeroboot_total", 1800.0, Unit::Us),
            figure("peer_bwrap", 9900.0, Unit::Us),
            figure("peer_bwrap_total", 11_000.0, Unit::Us),
        ]
        .into();
        let text = |text: &str| Some(text.to_owned());
        let peer = |name: &str| Peer {
            name: name.to_owned(),
            version: None,
            command: None,
            absent: None,
            error: None,
        };
        Report {
            host: [
                ("model", "Some <CPU>"),
                ("cpus", "2 CPUs"),
                ("kernel", "Linux 6.18"),
                ("python", "Python 3.11"),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
            commit: "0123456".to_owned(),
            command: "cargo xtask bench --peers".to_owned(),
            verdict: Verdict::Ok,
            disturbances: Vec::new(),
            ratios: ratios(&figures),
            figures,
            failed: [("ran_kib".to_owned(), "too few <files>".to_owned())].into(),
            throughput_by_callers: vec![Rate { callers: 1, per_s: 500.0 }, Rate { callers: 2, per_s: 900.0 }],
            peers: vec![
                Peer { version: text("0.1.0"), command: text("Template::run"), ..peer("zeroboot") },
                Peer {
                    version: text("bubblewrap 0.8.0"),
                    command: text("bwrap --ro-bind / / PYTHON"),
                    ..peer("bwrap")
                },
                Peer {
                    version: text("crun 1.8"),
                    command: text("crun run"),
                    error: text("no <cgroup>"),
                    ..peer("crun")
                },
                Peer { absent: text("apt-get install runc"), ..peer("runc") },
            ],
        }
    }

    #[test]
    fn the_json_has_the_promised_shape() {
        let json = serde_json::to_value(made_up()).unwrap_or_default();
        assert_eq!(json["verdict"], "ok");
        assert!(json["host"].is_object());
        assert_eq!(
            json["figures"]["floor"],
            serde_json::json!({"p50": 100.0, "p99": 300.0, "n": 100, "unit": "us"})
        );
        assert_eq!(json["figures"]["thousand"]["unit"], "ms");
        assert_eq!(json["figures"]["parked_kib"]["unit"], "kib");
        let throughput =
            serde_json::json!({"p50": 900.0, "p99": 850.0, "n": 5, "unit": "per_s", "callers": 2});
        assert_eq!(json["figures"]["throughput"], throughput);
        assert_eq!(json["figures"].get("ran_kib"), None);
        assert_eq!(json["ratios"]["spawn_over_floor"], 2.4);
        assert_eq!(json["ratios"]["bwrap_over_spawn_python"], 11.0);
        assert_eq!(json["ratios"].get("fork_size"), None);
    }

    #[test]
    fn the_json_can_be_read_back() {
        let report = made_up();
        let text = serde_json::to_string(&report).unwrap_or_default();
        assert_eq!(serde_json::from_str::<Report>(&text).ok(), Some(report));
    }

    #[test]
    fn figures_come_in_the_order_of_the_catalogue_and_of_the_peers() {
        let report = made_up();
        let names: Vec<_> = report.ordered_figures().into_iter().map(|(name, _)| name).collect();
        let expected = [
            "floor",
            "spawn",
            "spawn_python",
            "cold_python",
            "throughput",
            "thousand",
            "parked_kib",
            "peer_zeroboot",
            "peer_zeroboot_total",
            "peer_bwrap",
            "peer_bwrap_total",
        ];
        assert_eq!(names, expected);
    }
}
