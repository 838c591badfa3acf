//! The regression gate: the ratios of a run against those of `benches/baseline.json`.
//!
//! A baseline comes from several runs of one commit on one machine. The margin of each ratio comes from how far it moved
//! between them: with five runs the distance from the lowest to the highest is a little more than two standard
//! deviations, so one and a half of it is past what a sixth run reaches by chance; and never less than [`LEAST_MARGIN`],
//! because a machine moves more from day to day than within an hour. Never here: a verdict on a noisy run, or on another
//! machine than the baseline's.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

use super::catalogue::better;
use super::report::{Report, Verdict};
use super::samples::{Better, quantile, round};

/// How many runs make a baseline.
pub(crate) const RUNS: usize = 5;

/// The distance from lowest to highest is taken so many times.
const SAFETY: f64 = 1.5;

/// The smallest margin, as a share of the ratio.
const LEAST_MARGIN: f64 = 0.15;

/// What makes a machine another one.
const SAME: [&str; 3] = ["model", "cpus", "python"];

/// What is expected on one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Baseline {
    host: BTreeMap<String, String>,
    commit: String,
    command: String,
    runs: usize,
    ratios: BTreeMap<String, Expected>,
}

/// What is expected of a ratio.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Expected {
    /// The median of the runs.
    ratio: f64,
    /// From the lowest to the highest, as a share of that.
    spread: f64,
    /// How far a ratio may get worse, as a share.
    margin: f64,
}

/// What comes of a comparison.
#[derive(Debug, PartialEq)]
pub(crate) enum Judgement {
    /// There is none, and why.
    Withheld(String),
    /// One for each ratio of the baseline.
    Given(Vec<Line>),
}

/// How a ratio is.
#[derive(Debug, PartialEq)]
pub(crate) struct Line {
    name: String,
    expected: Expected,
    finding: Finding,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Finding {
    Within(f64),
    Better(f64),
    Worse(f64),
    /// What was measured once is not measured any more.
    Missing,
}

impl Baseline {
    /// Of several runs of one commit.
    ///
    /// # Errors
    /// When one of them was noisy, or there are too few.
    pub(crate) fn of(runs: &[Report]) -> anyhow::Result<Self> {
        ensure!(runs.len() >= RUNS, "{} runs: {RUNS} make a baseline", runs.len());
        let first = &runs[0];
        for run in runs {
            let disturbances = run.disturbances.join("; ");
            ensure!(run.verdict == Verdict::Ok, "one of the runs was noisy: {disturbances}");
            ensure!(run.host == first.host && run.commit == first.commit, "the runs are not of one kind");
        }
        let expected = |name: &String| {
            let values: Option<Vec<f64>> = runs.iter().map(|run| run.ratios.get(name).copied()).collect();
            Some((name.clone(), Expected::of(&values?)?))
        };
        Ok(Self {
            host: first.host.clone(),
            commit: first.commit.clone(),
            command: first.command.clone(),
            runs: runs.len(),
            ratios: first.ratios.keys().filter_map(expected).collect(),
        })
    }

    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read(path)
            .with_context(|| format!("no baseline at {}; --update-baseline measures one", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is no baseline", path.display()))
    }

    pub(crate) fn json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Compares a run with what is expected.
    pub(crate) fn judge(&self, run: &Report) -> Judgement {
        if run.verdict == Verdict::Noisy {
            return Judgement::Withheld(format!("the run was noisy: {}", run.disturbances.join("; ")));
        }
        for key in SAME {
            let (there, here) = (self.host.get(key), run.host.get(key));
            if there != here {
                let named = |value: Option<&String>| value.map_or("unknown", String::as_str).to_owned();
                let (there, here) = (named(there), named(here));
                return Judgement::Withheld(format!(
                    "the baseline is of another machine: {there}, not {here}"
                ));
            }
        }
        let line = |(name, expected): (&String, &Expected)| {
            let measured = run.ratios.get(name);
            let finding = measured.map_or(Finding::Missing, |ratio| expected.finding(*ratio, better(name)));
            Line { name: name.clone(), expected: *expected, finding }
        };
        Judgement::Given(self.ratios.iter().map(line).collect())
    }
}

impl Expected {
    fn of(values: &[f64]) -> Option<Self> {
        let ratio = quantile(values, 0.5)?;
        let (low, high) = (quantile(values, 0.0)?, quantile(values, 1.0)?);
        let spread = (high - low) / ratio;
        let margin = (SAFETY * spread).max(LEAST_MARGIN);
        Some(Self { ratio, spread: round(spread), margin: round(margin) })
    }

    /// A ratio that doubles is as far away as one that halves.
    fn finding(self, ratio: f64, better: Better) -> Finding {
        let worse_by = match better {
            Better::Lower => ratio / self.ratio,
            Better::Higher => self.ratio / ratio,
        };
        let most = 1.0 + self.margin;
        if worse_by > most {
            Finding::Worse(ratio)
        } else if worse_by < 1.0 / most {
            Finding::Better(ratio)
        } else {
            Finding::Within(ratio)
        }
    }
}

impl Judgement {
    /// Whether anything is worse, or missing; `None` when there is no judgement.
    pub(crate) fn failed(&self) -> Option<bool> {
        match self {
            Self::Withheld(_) => None,
            Self::Given(lines) => {
                Some(lines.iter().any(|line| matches!(line.finding, Finding::Worse(_) | Finding::Missing)))
            }
        }
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Withheld(why) => writeln!(f, "judgement withheld: {why}"),
            Self::Given(lines) => {
                lines.iter().try_for_each(|line| writeln!(f, "{line}"))?;
                let words = if self.failed() == Some(true) { "a regression" } else { "no regression" };
                writeln!(f, "{words}")
            }
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, expected: Expected { ratio, margin, .. }, finding } = self;
        let (measured, words) = match finding {
            Finding::Within(measured) => (Some(measured), "as expected"),
            Finding::Better(measured) => (Some(measured), "BETTER: a new baseline would hold it"),
            Finding::Worse(measured) => (Some(measured), "WORSE"),
            Finding::Missing => (None, "MISSING"),
        };
        let measured = measured.map_or_else(|| "-".to_owned(), |measured| format!("{measured:.2}"));
        write!(f, "{name:36}{measured:>8}  expected {ratio:.2}, margin {:.0} %: {words}", margin * 100.0)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use super::super::report::tests::made_up;
    use super::*;

    fn run(ratios: &[(&str, f64)]) -> Report {
        let ratios = ratios.iter().map(|(name, ratio)| ((*name).to_owned(), *ratio)).collect();
        Report { ratios, ..made_up() }
    }

    /// Of runs with these values of two ratios, the first better when lower, the second when higher.
    fn baseline(spawns: [f64; 5], colds: [f64; 5]) -> Baseline {
        let one = |(spawn, cold)| run(&[("spawn_over_floor", spawn), ("cold_over_spawn_python", cold)]);
        Baseline::of(&spawns.into_iter().zip(colds).map(one).collect::<Vec<_>>()).unwrap()
    }

    fn quiet() -> Baseline {
        baseline([2.0, 2.04, 2.0, 1.96, 2.0], [10.0, 10.1, 10.0, 9.9, 10.0])
    }

    fn failed(spawn: f64, cold: f64) -> Option<bool> {
        quiet().judge(&run(&[("spawn_over_floor", spawn), ("cold_over_spawn_python", cold)])).failed()
    }

    #[test]
    fn a_margin_comes_from_the_spread() {
        let wide = baseline([2.0, 2.2, 1.8, 2.0, 2.1], [10.0, 10.1, 10.0, 9.9, 10.0]);
        let spawn = wide.ratios["spawn_over_floor"];
        assert_eq!((spawn.ratio, spawn.spread, spawn.margin), (2.0, 0.2, 0.3));
        let cold = wide.ratios["cold_over_spawn_python"];
        assert_eq!((cold.ratio, cold.spread, cold.margin), (10.0, 0.02, LEAST_MARGIN));
    }

    #[test]
    fn worse_within_the_margin_passes() {
        assert_eq!(failed(2.0, 10.0), Some(false));
        assert_eq!(failed(2.29, 8.8), Some(false));
    }

    #[test]
    fn worse_past_the_margin_fails() {
        assert_eq!(failed(2.31, 10.0), Some(true));
        assert_eq!(failed(2.0, 8.6), Some(true));
    }

    #[test]
    fn better_is_told_and_passes() {
        let judged = quiet().judge(&run(&[("spawn_over_floor", 1.0), ("cold_over_spawn_python", 30.0)]));
        assert_eq!(judged.failed(), Some(false));
        assert_eq!(judged.to_string().matches("BETTER").count(), 2);
    }

    #[test]
    fn a_ratio_that_is_gone_fails() {
        let judged = quiet().judge(&run(&[("spawn_over_floor", 2.0)]));
        assert_eq!(judged.failed(), Some(true));
        assert!(judged.to_string().contains("MISSING"));
    }

    #[test]
    fn a_ratio_that_is_new_is_nothing_to_compare() {
        let more = [("spawn_over_floor", 2.0), ("cold_over_spawn_python", 10.0), ("fork_size", 9.0)];
        assert_eq!(quiet().judge(&run(&more)).failed(), Some(false));
    }

    #[test]
    fn noise_neither_passes_nor_fails() {
        let disturbances = vec!["other programs took 9 % of the CPU time".to_owned()];
        let noisy = Report { verdict: Verdict::Noisy, disturbances, ..run(&[]) };
        let judged = quiet().judge(&noisy);
        assert_eq!(judged.failed(), None);
        let words = "judgement withheld: the run was noisy: other programs took 9 % of the CPU time\n";
        assert_eq!(judged.to_string(), words);
    }

    #[test]
    fn another_machine_is_not_compared() {
        let mut elsewhere = run(&[("spawn_over_floor", 9.0), ("cold_over_spawn_python", 1.0)]);
        elsewhere.host.insert("model".to_owned(), "Another CPU".to_owned());
        assert_eq!(quiet().judge(&elsewhere).failed(), None);
    }

    #[test]
    fn noisy_runs_make_no_baseline() {
        let mut runs = vec![made_up(); RUNS];
        assert!(Baseline::of(&runs).is_ok());
        assert!(Baseline::of(&runs[1..]).is_err());
        runs[3].verdict = Verdict::Noisy;
        assert!(Baseline::of(&runs).is_err());
    }

    #[test]
    fn a_baseline_can_be_read_back() {
        let json = quiet().json().unwrap();
        assert_eq!(serde_json::from_str::<Baseline>(&json).unwrap(), quiet());
    }
}
