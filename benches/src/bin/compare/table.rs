//! A run as a table on the terminal.

use std::fmt::Write as _;

use super::catalogue::{Of, goal, what};
use super::report::{Report, Verdict, meaning};
use super::samples::{Figure, told};

/// The whole table.
pub(crate) fn text(report: &Report) -> String {
    let mut text = format!("{}\n\n{:24}{:>10}{:>10}{:>8}\n", report.host_line(), "", "p50", "p99", "n");
    // Writing to a string cannot fail.
    let _ = tell(report, &mut text);
    text
}

fn tell(report: &Report, text: &mut String) -> std::fmt::Result {
    for (name, figure) in report.ordered_figures() {
        let Figure { p50, p99, n, unit, .. } = figure;
        let meaning = meaning(name, figure);
        write!(text, "{name:24}{p50:10.1}{p99:10.1}{n:8}  {:4} {meaning}", unit.symbol())?;
        if let Some(goal) = goal(Of::Figure, name) {
            write!(text, ": goal {goal}, {}", goal.judge(*p50))?;
        }
        writeln!(text)?;
    }
    for (name, reason) in &report.failed {
        writeln!(text, "{name:24}not measured: {reason}")?;
    }
    if !report.throughput_by_callers.is_empty() {
        write!(text, "\nsandboxes a second, by callers:")?;
        for rate in &report.throughput_by_callers {
            write!(text, "  {}: {:.0}", rate.callers, rate.per_s)?;
        }
        writeln!(text)?;
    }
    if !report.ratios.is_empty() {
        writeln!(text)?;
    }
    for (name, ratio) in report.ordered_ratios() {
        write!(text, "{name:36}{:>8}   {}", told(ratio), what(Of::Ratio, name))?;
        if let Some(goal) = goal(Of::Ratio, name) {
            write!(text, ": goal {goal}, {}", goal.judge(ratio))?;
        }
        writeln!(text)?;
    }
    if !report.peers.is_empty() {
        writeln!(text)?;
    }
    for peer in &report.peers {
        write!(text, "{:12}", peer.name)?;
        match (&peer.version, &peer.absent) {
            (_, Some(install)) => write!(text, "not on this machine; {install}")?,
            (version, None) => write!(
                text,
                "{}: {}",
                version.as_deref().unwrap_or("of unknown version"),
                peer.command.as_deref().unwrap_or_default()
            )?,
        }
        writeln!(text)?;
        if let Some(error) = &peer.error {
            writeln!(text, "{:12}does not run here: {error}", "")?;
        }
    }
    if report.verdict == Verdict::Noisy {
        writeln!(text, "\nnoisy: {}; no ratios", report.disturbances.join("; "))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::made_up;
    use super::*;

    #[test]
    fn a_ratio_stands_beside_its_goal() {
        let text = text(&made_up());
        let line = |name| text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        assert!(line("spawn_over_floor").ends_with("goal <= 2.5, met"), "{text}");
        assert!(line("bwrap_over_spawn_python").ends_with("goal >= 20, not met"), "{text}");
        assert!(line("ran_kib").ends_with("not measured: too few <files>"), "{text}");
        assert!(line("runc").ends_with("not on this machine; apt-get install runc"), "{text}");
    }

    #[test]
    fn a_noisy_run_says_so_last() {
        let disturbances = vec!["other programs took 9 % of the CPU time".to_owned()];
        let noisy = Report { verdict: Verdict::Noisy, disturbances, ratios: [].into(), ..made_up() };
        assert!(text(&noisy).ends_with("noisy: other programs took 9 % of the CPU time; no ratios\n"));
    }
}
