//! Samples, and what is said of many of them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a figure is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    Us,
    Ms,
    PerS,
    Kib,
    Faults,
}

/// Which of two values is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Better {
    Lower,
    Higher,
}

/// The samples of one figure, in the order in which they were taken.
#[derive(Debug, Clone)]
pub(crate) struct Samples {
    pub(crate) name: String,
    pub(crate) unit: Unit,
    pub(crate) values: Vec<f64>,
}

/// What is told of a figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    /// The median.
    pub(crate) p50: f64,
    /// What 99 of 100 samples are no worse than; of fewer samples than that, the worst.
    pub(crate) p99: f64,
    pub(crate) n: usize,
    pub(crate) unit: Unit,
    /// How many threads called at once, of a throughput.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) callers: Option<usize>,
}

impl Unit {
    /// As it stands behind a number.
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::Ms => "ms",
            Self::PerS => "/s",
            Self::Kib => "KiB",
            Self::Faults => "faults",
        }
    }

    fn better(self) -> Better {
        match self {
            Self::PerS => Better::Higher,
            Self::Us | Self::Ms | Self::Kib | Self::Faults => Better::Lower,
        }
    }
}

impl Samples {
    pub(crate) fn new(name: impl Into<String>, unit: Unit) -> Self {
        Self { name: name.into(), unit, values: Vec::new() }
    }

    /// A sample of a figure in microseconds.
    pub(crate) fn took(&mut self, time: Duration) {
        self.values.push(time.as_secs_f64() * 1e6);
    }

    /// `None` without samples: a figure that was not measured is absent.
    pub(crate) fn figure(&self) -> Option<Figure> {
        let p99 = match self.unit.better() {
            Better::Lower => quantile(&self.values, 0.99)?,
            Better::Higher => {
                let mirrored: Vec<f64> = self.values.iter().map(|value| -value).collect();
                -quantile(&mirrored, 0.99)?
            }
        };
        let p50 = quantile(&self.values, 0.5)?;
        Some(Figure {
            p50: round(p50),
            p99: round(p99),
            n: self.values.len(),
            unit: self.unit,
            callers: None,
        })
    }
}

/// The sample that a share of all does not exceed; `None` when there is none.
pub(crate) fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index into a few thousand samples"
    )]
    let index = (sorted.len() as f64 * share) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied()
}

/// A ratio as it is told: with two digits after the point; one below a tenth with four.
pub(crate) fn told(ratio: f64) -> String {
    if ratio.abs() < 0.1 { format!("{ratio:.4}") } else { format!("{ratio:.2}") }
}

/// Two digits after the point; of a number below one tenth, five.
pub(crate) fn round(number: f64) -> f64 {
    let scale = if number.abs() < 0.1 { 1e5 } else { 1e2 };
    (number * scale).round() / scale
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use super::*;

    fn samples(unit: Unit, values: &[f64]) -> Samples {
        Samples { values: values.to_vec(), ..Samples::new("some", unit) }
    }

    #[test]
    fn quantiles() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!(quantile(&values, 0.5), Some(101.0));
        assert_eq!(quantile(&values, 0.99), Some(199.0));
        assert_eq!(quantile(&[7.0], 0.99), Some(7.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn the_worst_of_few_is_their_p99() {
        let figure = samples(Unit::Ms, &[3.0, 1.0, 2.0]).figure().unwrap();
        assert_eq!((figure.p50, figure.p99, figure.n), (2.0, 3.0, 3));
        let figure = samples(Unit::PerS, &[3.0, 1.0, 2.0]).figure().unwrap();
        assert_eq!((figure.p50, figure.p99), (2.0, 1.0));
    }

    #[test]
    fn what_was_not_measured_is_no_figure() {
        assert_eq!(samples(Unit::Us, &[]).figure(), None);
    }

    #[test]
    fn times_are_microseconds() {
        let mut times = Samples::new("some", Unit::Us);
        times.took(Duration::from_micros(1500));
        assert_eq!(times.figure().unwrap().p50, 1500.0);
    }
}
