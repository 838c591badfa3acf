//! What is shown of a sandbox, column by column, and in which order the sandboxes stand.
//!
//! Never here: how it gets onto a terminal.

use std::cmp::Ordering;
use std::time::Duration;

use zeroboot::SandboxState;

use super::summary::fitting;
use super::watch::Row;

/// A column of the lower table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Pid,
    Template,
    State,
    Age,
    Cpu,
    Faults,
    Private,
    Copied,
    Storms,
}

impl Column {
    pub(super) const ALL: [Self; 9] = [
        Self::Pid,
        Self::Template,
        Self::State,
        Self::Age,
        Self::Cpu,
        Self::Faults,
        Self::Private,
        Self::Copied,
        Self::Storms,
    ];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Pid => "PID",
            Self::Template => "TEMPLATE",
            Self::State => "STATE",
            Self::Age => "AGE",
            Self::Cpu => "CPU %",
            Self::Faults => "FAULTS/S",
            Self::Private => "PRIV KiB",
            Self::Copied => "COPY KiB",
            Self::Storms => "STORMS",
        }
    }

    /// How many characters it has room for: all of them, with gaps, are 78.
    pub(super) fn width(self) -> usize {
        match self {
            Self::Template => 14,
            Self::Pid | Self::State => 7,
            Self::Age | Self::Cpu | Self::Storms => 6,
            Self::Faults | Self::Private | Self::Copied => 8,
        }
    }

    /// Which key sorts by it.
    pub(super) fn key(self) -> char {
        match self {
            Self::Pid => 'p',
            Self::Template => 't',
            Self::State => 's',
            Self::Age => 'a',
            Self::Cpu => 'c',
            Self::Faults => 'f',
            Self::Private => 'm',
            Self::Copied => 'o',
            Self::Storms => 'b',
        }
    }

    pub(super) fn cell(self, row: &Row) -> String {
        let unknown = || "-".to_owned();
        match self {
            Self::Pid => row.pid.to_string(),
            Self::Template => fitting(&row.template, self.width()),
            Self::State => match row.state {
                SandboxState::Running => "running".to_owned(),
                SandboxState::Parked => "parked".to_owned(),
            },
            Self::Age => age(row.age),
            Self::Cpu => row.rates.map_or_else(unknown, |rates| format!("{:.1}", rates.cpu * 100.0)),
            Self::Faults => row.rates.map_or_else(unknown, |rates| format!("{:.0}", rates.faults)),
            Self::Private => row.private.map_or_else(unknown, |amount| amount.0.to_string()),
            Self::Copied => row.copied.map_or_else(unknown, |amount| amount.0.to_string()),
            Self::Storms => row.storms.to_string(),
        }
    }

    /// Whether the largest is first when it is chosen.
    fn is_descending(self) -> bool {
        !matches!(self, Self::Pid | Self::Template | Self::State)
    }

    fn compare(self, a: &Row, b: &Row) -> Ordering {
        let rate = |row: &Row, of: fn(super::watch::Rates) -> f64| row.rates.map_or(-1.0, of);
        match self {
            Self::Pid => a.pid.cmp(&b.pid),
            Self::Template => a.template.cmp(&b.template),
            Self::State => a.state.cmp(&b.state),
            Self::Age => a.age.cmp(&b.age),
            Self::Cpu => rate(a, |rates| rates.cpu).total_cmp(&rate(b, |rates| rates.cpu)),
            Self::Faults => rate(a, |rates| rates.faults).total_cmp(&rate(b, |rates| rates.faults)),
            Self::Private => a.private.cmp(&b.private),
            Self::Copied => a.copied.cmp(&b.copied),
            Self::Storms => a.storms.cmp(&b.storms),
        }
    }
}

/// By what the sandboxes are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) column: Column,
    reversed: bool,
}

impl Default for Order {
    fn default() -> Self {
        Self { column: Column::Cpu, reversed: false }
    }
}

impl Order {
    /// By this column; the other way round if it was that already.
    pub(super) fn by(self, column: Column) -> Self {
        Self { column, reversed: self.column == column && !self.reversed }
    }

    /// Those that are equal stand by their numbers.
    pub(super) fn sort(self, rows: &mut [Row]) {
        let Self { column, reversed } = self;
        rows.sort_by(|a, b| {
            let order = column.compare(a, b);
            let order = if column.is_descending() != reversed { order.reverse() } else { order };
            order.then(a.pid.cmp(&b.pid))
        });
    }
}

/// In five characters: `1.2s`, `34s`, `12m`, `27h`, `13d`.
fn age(age: Duration) -> String {
    match age.as_secs() {
        0..10 => format!("{:.1}s", age.as_secs_f64()),
        seconds @ 10..600 => format!("{seconds}s"),
        seconds @ 600..36_000 => format!("{}m", seconds / 60),
        seconds @ 36_000..360_000 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use zeroboot_telemetry::Kib;

    use super::super::watch::Rates;
    use super::*;

    fn row(pid: u32, cpu: Option<f64>, private: Option<u64>) -> Row {
        Row {
            pid,
            template: "python".to_owned(),
            template_pid: None,
            state: SandboxState::Running,
            age: Duration::ZERO,
            storms: 0,
            rates: cpu.map(|cpu| Rates { cpu, faults: 0.0 }),
            private: private.map(Kib),
            copied: None,
        }
    }

    #[test]
    fn sorts_either_way_and_leaves_the_unknown_last() {
        let mut rows = vec![row(1, None, Some(5)), row(2, Some(0.1), Some(7)), row(3, Some(0.9), None)];
        let pids = |order: Order, rows: &mut Vec<Row>| {
            order.sort(rows);
            rows.iter().map(|row| row.pid).collect::<Vec<_>>()
        };
        let order = Order::default();
        assert_eq!(pids(order, &mut rows), [3, 2, 1]);
        assert_eq!(pids(order.by(Column::Cpu), &mut rows), [1, 2, 3]);
        assert_eq!(pids(order.by(Column::Private), &mut rows), [2, 1, 3]);
        assert_eq!(pids(order.by(Column::Pid), &mut rows), [1, 2, 3]);
        assert_eq!(pids(order.by(Column::Pid).by(Column::Pid), &mut rows), [3, 2, 1]);
    }

    #[test]
    fn keys_are_different_and_all_columns_fit() {
        let mut keys = Column::ALL.map(Column::key).to_vec();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), Column::ALL.len());
        assert!(!keys.contains(&'q'));
        let width = Column::ALL.map(Column::width).iter().sum::<usize>() + Column::ALL.len() - 1;
        assert!(width <= 80, "{width}");
        for column in Column::ALL {
            assert!(column.title().len() <= column.width(), "{column:?}");
        }
    }

    #[test]
    fn ages_are_short() {
        for (seconds, text) in [(1, "1.0s"), (34, "34s"), (725, "12m"), (100_000, "27h"), (1_123_200, "13d")]
        {
            assert_eq!(age(Duration::from_secs(seconds)), text);
        }
    }
}
