//! Every figure and ratio by name: what it means, and what it shall be.
//!
//! A name that stands here and was not measured in a run is absent from that run. Never here: how anything is measured.

use std::collections::BTreeMap;
use std::fmt;

use super::samples::{Better, Figure, round};

/// What shall be reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Goal {
    better: Better,
    bound: f64,
}

/// A figure. The names of those of other programs are made from theirs, see [`peer`].
#[derive(Debug)]
struct Entry {
    name: &'static str,
    what: &'static str,
    goal: Option<Goal>,
}

/// A ratio of two figures of one run.
#[derive(Debug)]
pub(crate) struct Ratio {
    pub(crate) name: &'static str,
    better: Better,
    goal: Option<Goal>,
    what: &'static str,
    over: At,
    under: At,
}

/// A quantile of a figure.
#[derive(Debug, Clone, Copy)]
enum At {
    P50(&'static str),
    P99(&'static str),
}

/// The figures, in the order in which they are told.
const FIGURES: [Entry; 35] = [
    figure("floor", "bare clone3 in a small process, to first instruction"),
    figure("fork_10m", "the same with 10 MiB written, frozen"),
    figure("fork_1g", "... with 1 GiB, frozen"),
    figure("fork_1g_plain", "... with 1 GiB, not frozen"),
    figure("spawn", "Rust template, strict: request to first user instruction"),
    figure("spawn_total", "... until all of it is gone, and measured"),
    figure("spawn_unmeasured", "the same without its memory being measured: to first user instruction"),
    figure("spawn_unmeasured_total", "... until all of it is gone"),
    figure("claim_python", "parked Python sandbox without site, strict: claim to the result"),
    figure("spawn_python", "Python template without site, strict: request to the result"),
    figure("spawn_python_total", "... until all of it is gone, and measured"),
    figure("cold_python", "the same interpreter as a command, -I -S -c"),
    figure("cold_python_result", "... to its result alone"),
    figure("spawn_python_site", "Python template with site, strict: request to the result"),
    figure("spawn_python_site_total", "... until all of it is gone, and measured"),
    figure("cold_python_site", "the same interpreter as a command, -I -c"),
    figure("cold_python_site_result", "... to its result alone"),
    figure("spawn_pandas", "Python template with pandas, strict: request to the result"),
    figure("spawn_pandas_kib", "memory that its sandboxes copy"),
    figure("spawn_jax", "Python template with jax, strict: request to the result"),
    figure("spawn_jax_kib", "memory that its sandboxes copy"),
    figure("storm_plain", "plain fork of a bare process, and 100 MiB rewritten in the child"),
    figure(
        "storm",
        "sandbox of a Rust template, strict: request, and 100 MiB rewritten that were declared so",
    ),
    figure("storm_undeclared", "... that were frozen, and not declared"),
    figure("storm_plain_faults", "page faults of it"),
    figure("storm_faults", "page faults of it"),
    figure("storm_undeclared_faults", "page faults of it"),
    figure("heap_plain", "sandbox of a Rust template, strict: request, and 100 MiB allocated and written"),
    figure("heap", "... with heap in huge pages"),
    figure("heap_plain_faults", "page faults of it"),
    figure("heap_faults", "page faults of it"),
    figure("throughput", "Python sandboxes run to their end, with the best number of callers")
        .at_least(3000.0),
    figure("thousand", "1,000 Python sandboxes alive at once: first request to the last result")
        .at_most(500.0),
    figure("parked_kib", "memory of a parked Python sandbox that has run nothing, of 1,000").at_most(200.0),
    figure("ran_kib", "memory of a Python sandbox that has given its result and lives, of 1,000")
        .at_most(480.0),
];

/// The ratios, in the order in which they are told.
pub(crate) const RATIOS: [Ratio; 16] = [
    ratio("fork_size", At::P50("fork_1g"), At::P50("fork_10m"), "1 GiB over 10 MiB, frozen").at_most(1.2),
    ratio("spawn_over_floor", At::P50("spawn"), At::P50("floor"), "hardened spawn over bare fork")
        .at_most(2.5),
    ratio("spawn_tail", At::P99("spawn"), At::P50("spawn"), "p99 of a hardened spawn over its p50")
        .at_most(4.0),
    ratio(
        "telemetry_cost",
        At::P50("spawn"),
        At::P50("spawn_unmeasured"),
        "spawn with telemetry over one without",
    )
    .at_most(1.03),
    ratio(
        "telemetry_cost_total",
        At::P50("spawn_total"),
        At::P50("spawn_unmeasured_total"),
        "the same to the end of all",
    ),
    ratio(
        "storm_time",
        At::P50("storm"),
        At::P50("storm_plain"),
        "100 MiB rewritten, declared over plain fork",
    )
    .at_most(0.45),
    ratio("storm_faults", At::P50("storm_faults"), At::P50("storm_plain_faults"), "their page faults")
        .at_most(0.01),
    ratio(
        "heap_time",
        At::P50("heap"),
        At::P50("heap_plain"),
        "100 MiB allocated, huge pages over usual ones",
    )
    .at_most(0.4),
    ratio("heap_faults", At::P50("heap_faults"), At::P50("heap_plain_faults"), "their page faults")
        .at_most(0.01),
    ratio("claim_over_floor", At::P50("claim_python"), At::P50("floor"), "claim over bare fork").at_most(1.5),
    ratio(
        "cold_over_spawn_python",
        At::P50("cold_python"),
        At::P50("spawn_python"),
        "cold interpreter to its end, over sandbox to its result",
    )
    .at_least(15.0),
    ratio(
        "cold_over_spawn_python_result",
        At::P50("cold_python_result"),
        At::P50("spawn_python"),
        "result against result",
    )
    .higher(),
    ratio(
        "cold_over_spawn_python_total",
        At::P50("cold_python"),
        At::P50("spawn_python_total"),
        "end against end",
    )
    .higher(),
    ratio(
        "cold_over_spawn_python_site",
        At::P50("cold_python_site"),
        At::P50("spawn_python_site"),
        "both with site",
    )
    .higher(),
    ratio(
        "cold_over_spawn_python_site_result",
        At::P50("cold_python_site_result"),
        At::P50("spawn_python_site"),
        "both with site, result against result",
    )
    .higher(),
    ratio(
        "bare_cold_over_spawn_python_site",
        At::P50("cold_python"),
        At::P50("spawn_python_site"),
        "site in the sandbox alone",
    )
    .higher(),
];

/// The name under which our own sandboxes are measured among the peers.
pub(crate) const OURSELVES: &str = "zeroboot";

/// Peers that a ratio shall be reached against.
const PEER_GOALS: [(&str, Goal); 1] = [("bwrap", Goal { better: Better::Higher, bound: 20.0 })];

/// The figure of a peer: to its result.
pub(crate) fn peer(name: &str) -> String {
    format!("peer_{name}")
}

/// ... and until it has ended.
pub(crate) fn peer_total(name: &str) -> String {
    format!("peer_{name}_total")
}

/// The peer, if this is the name of a figure to its result.
pub(crate) fn peer_of(figure: &str) -> Option<&str> {
    figure.strip_prefix("peer_").filter(|rest| !rest.ends_with("_total"))
}

/// The ratio of a peer to our own sandboxes, result against result.
pub(crate) fn peer_ratio(name: &str) -> String {
    format!("{name}_over_spawn_python")
}

/// What a name is of: a ratio may be called as one of its figures is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Figure,
    Ratio,
}

/// The goal of a ratio or figure, if it has one.
pub(crate) fn goal(of: Of, name: &str) -> Option<Goal> {
    match of {
        Of::Figure => FIGURES.iter().find(|entry| entry.name == name)?.goal,
        Of::Ratio => match RATIOS.iter().find(|ratio| ratio.name == name) {
            Some(ratio) => ratio.goal,
            None => PEER_GOALS.iter().find(|(peer, _)| peer_ratio(peer) == name).map(|(_, goal)| *goal),
        },
    }
}

/// What a figure or ratio means.
pub(crate) fn what(of: Of, name: &str) -> String {
    let known = match of {
        Of::Figure => FIGURES.iter().find(|entry| entry.name == name).map(|entry| entry.what),
        Of::Ratio => RATIOS.iter().find(|ratio| ratio.name == name).map(|ratio| ratio.what),
    };
    if let Some(what) = known {
        return what.to_owned();
    }
    let peer_name = |name: &str| {
        if name == OURSELVES {
            "our own sandbox, among the peers".to_owned()
        } else {
            format!("the same job under {name}")
        }
    };
    match (name.strip_prefix("peer_"), name.strip_suffix("_over_spawn_python")) {
        (Some(peer), _) => match peer.strip_suffix("_total") {
            Some(peer) => format!("{}: to its end", peer_name(peer)),
            None => format!("{}: to the result", peer_name(peer)),
        },
        (None, Some(peer)) => format!("{peer} over our own sandbox, result against result"),
        (None, None) => String::new(),
    }
}

/// Which way a ratio gets better: those of peers like those of cold interpreters.
pub(crate) fn better(ratio: &str) -> Better {
    RATIOS.iter().find(|known| known.name == ratio).map_or(Better::Higher, |known| known.better)
}

/// The place of a figure or ratio in the order in which they are told; what has no place of its own comes last.
pub(crate) fn place(of: Of, name: &str) -> usize {
    match of {
        Of::Figure => FIGURES.iter().take_while(|entry| entry.name != name).count(),
        Of::Ratio => RATIOS.iter().take_while(|ratio| ratio.name != name).count(),
    }
}

impl Ratio {
    /// Its value, if both figures were measured.
    pub(crate) fn of(&self, figures: &BTreeMap<String, Figure>) -> Option<f64> {
        let value = |at| match at {
            At::P50(name) => figures.get(name).map(|figure| figure.p50),
            At::P99(name) => figures.get(name).map(|figure| figure.p99),
        };
        Some(round(value(self.over)? / value(self.under)?))
    }

    const fn at_most(mut self, bound: f64) -> Self {
        self.goal = Some(Goal { better: Better::Lower, bound });
        self
    }

    const fn at_least(mut self, bound: f64) -> Self {
        self.goal = Some(Goal { better: Better::Higher, bound });
        self.higher()
    }

    const fn higher(mut self) -> Self {
        self.better = Better::Higher;
        self
    }
}

impl Entry {
    const fn at_most(mut self, bound: f64) -> Self {
        self.goal = Some(Goal { better: Better::Lower, bound });
        self
    }

    const fn at_least(mut self, bound: f64) -> Self {
        self.goal = Some(Goal { better: Better::Higher, bound });
        self
    }
}

impl Goal {
    pub(crate) fn is_met_by(self, value: f64) -> bool {
        match self.better {
            Better::Lower => value <= self.bound,
            Better::Higher => value >= self.bound,
        }
    }

    pub(crate) fn bound(self) -> f64 {
        self.bound
    }

    /// `met` or `not met`.
    pub(crate) fn judge(self, value: f64) -> &'static str {
        if self.is_met_by(value) { "met" } else { "not met" }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.better {
            Better::Lower => "<=",
            Better::Higher => ">=",
        };
        write!(f, "{sign} {}", self.bound)
    }
}

const fn figure(name: &'static str, what: &'static str) -> Entry {
    Entry { name, what, goal: None }
}

const fn ratio(name: &'static str, over: At, under: At, what: &'static str) -> Ratio {
    Ratio { name, better: Better::Lower, goal: None, what, over, under }
}

#[cfg(test)]
mod tests {
    use super::super::samples::Unit;
    use super::*;

    fn measured(name: &str, p50: f64, p99: f64) -> (String, Figure) {
        (name.to_owned(), Figure { p50, p99, n: 9, unit: Unit::Us, callers: None })
    }

    #[test]
    fn ratios_are_of_figures_that_exist() {
        for Ratio { name, over, under, .. } in &RATIOS {
            for At::P50(figure) | At::P99(figure) in [over, under] {
                assert!(FIGURES.iter().any(|entry| entry.name == *figure), "{name}: no figure {figure}");
            }
        }
    }

    #[test]
    fn a_ratio_needs_both_of_its_figures() {
        let spawn_over_floor = &RATIOS[1];
        let figures = BTreeMap::from([measured("spawn", 300.0, 900.0)]);
        assert_eq!(spawn_over_floor.of(&figures), None);
        let figures = BTreeMap::from([measured("spawn", 300.0, 900.0), measured("floor", 100.0, 400.0)]);
        assert_eq!(spawn_over_floor.of(&figures), Some(3.0));
        assert_eq!(RATIOS[2].of(&figures), Some(3.0));
    }

    #[test]
    fn goals() {
        let judge = |of, name, value| goal(of, name).map(|goal| goal.judge(value));
        assert_eq!(judge(Of::Ratio, "fork_size", 1.2), Some("met"));
        assert_eq!(judge(Of::Ratio, "fork_size", 1.21), Some("not met"));
        assert_eq!(judge(Of::Ratio, "storm_faults", 0.0026), Some("met"));
        assert_eq!(judge(Of::Figure, "storm_faults", 66.0), None, "of the same name");
        assert_eq!(judge(Of::Figure, "throughput", 3000.0), Some("met"));
        assert_eq!(judge(Of::Ratio, "bwrap_over_spawn_python", 19.9), Some("not met"));
        assert_eq!(judge(Of::Figure, "floor", 1.0), None);
    }

    #[test]
    fn every_name_is_explained() {
        for (of, name) in [
            (Of::Figure, "floor"),
            (Of::Ratio, "fork_size"),
            (Of::Figure, "peer_bwrap"),
            (Of::Figure, "peer_bwrap_total"),
            (Of::Ratio, "bwrap_over_spawn_python"),
        ] {
            assert_ne!(what(of, name), "", "{name}");
        }
        assert_eq!(peer_of("peer_bwrap"), Some("bwrap"));
        assert_eq!(peer_of("peer_bwrap_total"), None);
    }
}
