//! A run as one HTML page that needs nothing else: the plots are in it, and nothing is loaded.

use std::fmt::Write as _;

use super::catalogue::{Of, goal, what};
use super::peers::LEGEND;
use super::plot::Plot;
use super::report::{Report, Verdict, meaning};
use super::samples::{Figure, told};

const STYLE: &str = "
body { margin: 2rem auto; max-width: 1000px; padding: 0 1rem; background: #fff; color: #222b36; font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
table { border-collapse: collapse; width: 100%; } th, td { padding: .3rem .7rem; text-align: left; border-bottom: 1px solid #e3e7ec; }
th { color: #6b7684; font-weight: 600; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code { font: 13px/1.4 ui-monospace, monospace; } td code, .met, .not { white-space: nowrap; } td.command code { white-space: normal; overflow-wrap: anywhere; }
svg { display: block; width: 100%; height: auto; margin: 1rem 0; border: 1px solid #e3e7ec; }
.met { color: #0b7a75; font-weight: 600; } .not { color: #b3261e; font-weight: 600; }
.noisy { background: #fff4e5; border-left: 4px solid #c2561a; padding: .6rem 1rem; } dt { float: left; width: 6rem; color: #6b7684; } dd { margin: 0 0 0 6rem; }
";

/// The page.
pub(crate) fn html(report: &Report, plots: &[Plot]) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Zeroboot: benchmarks</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>Zeroboot: benchmarks</h1>\n"
    );
    // Writing to a string cannot fail.
    let _ = tell(report, plots, &mut page);
    page.push_str("</body>\n</html>\n");
    page
}

fn tell(report: &Report, plots: &[Plot], page: &mut String) -> std::fmt::Result {
    let facts = [
        ("host", report.host_line()),
        ("commit", report.commit.clone()),
        ("command", report.command.clone()),
    ];
    writeln!(page, "<dl>")?;
    for (name, fact) in facts {
        writeln!(page, "<dt>{name}</dt><dd>{}</dd>", escaped(&fact))?;
    }
    writeln!(page, "</dl>")?;
    if report.verdict == Verdict::Noisy {
        let why = escaped(&report.disturbances.join("; "));
        writeln!(
            page,
            "<p class=\"noisy\">Noisy: {why}. There are no ratios, and the figures prove nothing.</p>"
        )?;
    }
    if !report.ratios.is_empty() {
        writeln!(
            page,
            "<h2>Ratios</h2>\n<table>\n<tr><th>ratio</th><th class=\"n\">value</th><th>goal</th><th></th><th>what</th></tr>"
        )?;
        for (name, ratio) in report.ordered_ratios() {
            let value = format!("<td class=\"n\">{}</td>", told(ratio));
            row(page, (Of::Ratio, name), &value, ratio, &what(Of::Ratio, name))?;
        }
        writeln!(page, "</table>")?;
    }
    writeln!(page, "<h2>Figures</h2>")?;
    for plot in plots {
        writeln!(page, "{}", plot.svg)?;
    }
    writeln!(
        page,
        "<table>\n<tr><th>figure</th><th class=\"n\">p50</th><th class=\"n\">p99</th><th class=\"n\">n</th><th>unit</th><th>goal</th><th></th><th>what</th></tr>"
    )?;
    for (name, figure) in report.ordered_figures() {
        let Figure { p50, p99, n, unit, .. } = figure;
        let cells = format!(
            "<td class=\"n\">{p50:.1}</td><td class=\"n\">{p99:.1}</td><td class=\"n\">{n}</td><td>{}</td>",
            unit.symbol()
        );
        row(page, (Of::Figure, name), &cells, *p50, &meaning(name, figure))?;
    }
    writeln!(page, "</table>")?;
    if !report.failed.is_empty() {
        writeln!(page, "<h2>Not measured</h2>\n<ul>")?;
        for (name, reason) in &report.failed {
            writeln!(page, "<li><code>{}</code>: {}</li>", escaped(name), escaped(reason))?;
        }
        writeln!(page, "</ul>")?;
    }
    peers(report, page)
}

fn row(page: &mut String, (of, name): (Of, &str), cells: &str, value: f64, what: &str) -> std::fmt::Result {
    write!(page, "<tr><td><code>{}</code></td>{cells}", escaped(name))?;
    match goal(of, name) {
        Some(goal) => {
            let class = if goal.is_met_by(value) { "met" } else { "not" };
            let (bound, judged) = (escaped(&goal.to_string()), goal.judge(value));
            write!(page, "<td class=\"n\">{bound}</td><td class=\"{class}\">{judged}</td>")?;
        }
        None => write!(page, "<td></td><td></td>")?,
    }
    writeln!(page, "<td>{}</td></tr>", escaped(what))
}

fn peers(report: &Report, page: &mut String) -> std::fmt::Result {
    if report.peers.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "<h2>Peers</h2>\n<p>{LEGEND}</p>\n<table>\n<tr><th>peer</th><th>version</th><th>command</th></tr>"
    )?;
    for peer in &report.peers {
        let text = |text: &Option<String>| escaped(text.as_deref().unwrap_or_default());
        write!(
            page,
            "<tr><td>{}</td><td>{}</td><td class=\"command\">",
            escaped(&peer.name),
            text(&peer.version)
        )?;
        if peer.command.is_some() {
            write!(page, "<code>{}</code>", text(&peer.command))?;
        }
        if peer.absent.is_some() {
            write!(page, "not on this machine; {}", text(&peer.absent))?;
        }
        if peer.error.is_some() {
            write!(page, "<br>does not run here: {}", text(&peer.error))?;
        }
        writeln!(page, "</td></tr>")?;
    }
    writeln!(page, "</table>")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use super::super::plot;
    use super::super::report::tests::made_up;
    use super::*;

    fn page() -> String {
        html(&made_up(), &plot::all(&made_up()).unwrap())
    }

    #[test]
    fn it_loads_nothing() {
        let page = page();
        for word in ["src=", "href=", "url(", "@import", "<script", "<link", "<img", "<iframe"] {
            assert!(!page.contains(word), "{word}");
        }
        // The name of SVG's namespace is the only address in it.
        let namespaces = page.matches("xmlns=\"http://www.w3.org/2000/svg\"").count();
        assert_eq!((page.matches("http://").count(), page.matches("https://").count()), (namespaces, 0));
        assert_eq!(page.matches("<svg").count(), 3);
    }

    #[test]
    fn a_ratio_stands_beside_its_goal() {
        let page = page();
        let row = |name| page.lines().find(|line| line.contains(name)).unwrap().to_owned();
        assert!(
            row("<code>spawn_over_floor")
                .contains("2.40</td><td class=\"n\">&lt;= 2.5</td><td class=\"met\">met")
        );
        assert!(row("<code>bwrap_over_spawn_python").contains("<td class=\"not\">not met"));
    }

    #[test]
    fn what_others_have_said_is_text() {
        let page = page();
        for text in ["Some &lt;CPU&gt;", "no &lt;cgroup&gt;", "too few &lt;files&gt;"] {
            assert!(page.contains(text), "{text}");
        }
    }

    #[test]
    fn a_noisy_run_is_called_so() {
        let noisy = Report { verdict: Verdict::Noisy, ratios: [].into(), ..made_up() };
        let page = html(&noisy, &[]);
        assert!(page.contains("<p class=\"noisy\">") && !page.contains("<h2>Ratios</h2>"));
    }
}
