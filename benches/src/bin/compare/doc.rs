//! A run as `docs/benchmarks.md`.

use std::fmt::Write as _;

use super::catalogue::{Of, goal, what};
use super::peers::LEGEND;
use super::report::{Report, meaning};
use super::samples::{Figure, told};

const FIRST_LINE: &str = "<!-- Written by `cargo xtask bench --doc` from one run. Never edited by hand. -->";

/// The page.
pub(crate) fn markdown(report: &Report) -> String {
    let mut page = format!("{FIRST_LINE}\n\n# Benchmarks\n\n");
    // Writing to a string cannot fail.
    let _ = tell(report, &mut page);
    page
}

fn tell(report: &Report, page: &mut String) -> std::fmt::Result {
    writeln!(page, "| | |\n|---|---|")?;
    let facts = [
        ("host", report.host_line()),
        ("commit", report.commit.clone()),
        ("command", report.command.clone()),
    ];
    for (name, fact) in facts {
        writeln!(page, "| {name} | {} |", cell(&fact))?;
    }
    writeln!(
        page,
        "\nAbsolute times move from machine to machine and from run to run; only ratios taken in one run compare. \
         [performance.md](performance.md) says how to read them.\n"
    )?;
    if !report.ratios.is_empty() {
        writeln!(page, "## Ratios\n\n| ratio | value | goal | | what |\n|---|---:|---:|---|---|")?;
        for (name, ratio) in report.ordered_ratios() {
            writeln!(
                page,
                "| `{name}` | {} | {} | {} |",
                told(ratio),
                judged(Of::Ratio, name, ratio),
                cell(&what(Of::Ratio, name))
            )?;
        }
        writeln!(page)?;
    }
    writeln!(
        page,
        "## Figures\n\n| figure | p50 | p99 | n | unit | goal | | what |\n|---|---:|---:|---:|---|---:|---|---|"
    )?;
    for (name, figure) in report.ordered_figures() {
        let Figure { p50, p99, n, unit, .. } = figure;
        let (unit, judged, what) =
            (unit.symbol(), judged(Of::Figure, name, *p50), cell(&meaning(name, figure)));
        writeln!(page, "| `{name}` | {p50:.1} | {p99:.1} | {n} | {unit} | {judged} | {what} |")?;
    }
    if !report.failed.is_empty() {
        writeln!(page, "\nNot measured:\n")?;
        for (name, reason) in &report.failed {
            writeln!(page, "- `{name}`: {}", cell(reason))?;
        }
    }
    if !report.throughput_by_callers.is_empty() {
        writeln!(page, "\n## Sandboxes a second, by callers\n\n| callers | per second |\n|---:|---:|")?;
        for rate in &report.throughput_by_callers {
            writeln!(page, "| {} | {:.0} |", rate.callers, rate.per_s)?;
        }
    }
    peers(report, page)
}

fn peers(report: &Report, page: &mut String) -> std::fmt::Result {
    if report.peers.is_empty() {
        return Ok(());
    }
    writeln!(page, "\n## Peers\n\n{LEGEND}\n\n| peer | version | command |\n|---|---|---|")?;
    for peer in &report.peers {
        let text = |text: &Option<String>| cell(text.as_deref().unwrap_or_default());
        let mut said = match &peer.command {
            Some(command) => format!("`{}`", cell(command)),
            None => String::new(),
        };
        if peer.absent.is_some() {
            said = format!("not on this machine; {}", text(&peer.absent));
        }
        if peer.error.is_some() {
            write!(said, " does not run here: {}", text(&peer.error))?;
        }
        writeln!(page, "| {} | {} | {said} |", cell(&peer.name), text(&peer.version))?;
    }
    Ok(())
}

/// The two cells of a goal.
fn judged(of: Of, name: &str, value: f64) -> String {
    goal(of, name).map_or_else(|| " | ".to_owned(), |goal| format!("{goal} | {}", goal.judge(value)))
}

/// A text that stays within its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::made_up;
    use super::*;

    #[test]
    fn its_first_line_warns() {
        assert!(markdown(&made_up()).starts_with(FIRST_LINE));
    }

    #[test]
    fn it_has_what_was_measured_and_with_what() {
        let page = markdown(&made_up());
        for line in [
            "| commit | 0123456 |",
            "| command | cargo xtask bench --peers |",
            "| `spawn_over_floor` | 2.40 | <= 2.5 | met | hardened spawn over bare fork |",
            "| `floor` | 100.0 | 300.0 | 100 | us |  |  | bare clone3 in a small process, to first instruction |",
            "| bwrap | bubblewrap 0.8.0 | `bwrap --ro-bind / / PYTHON` |",
            "| crun | crun 1.8 | `crun run` does not run here: no <cgroup> |",
            "| runc |  | not on this machine; apt-get install runc |",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }

    #[test]
    fn tables_are_whole() {
        let page = markdown(&made_up());
        let columns = |line: &str| line.replace("\\|", "").matches('|').count();
        let mut lines = page.lines().peekable();
        while let Some(line) = lines.next() {
            if let Some(next) = lines.peek().filter(|next| line.starts_with('|') && next.starts_with('|')) {
                assert_eq!(columns(line), columns(next), "{line}\n{next}");
            }
        }
    }
}
