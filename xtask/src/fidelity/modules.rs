//! All modules, a few at a time.

use std::collections::VecDeque;
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::compare::{Compared, compare};
use super::reasons::{self, Reason};
use super::side::Side;

/// What came of all.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    modules: usize,
    cases: usize,
    same: usize,
    by_policy: usize,
    pub(super) unknown: usize,
    /// Modules that were cut off on both sides.
    cut_off: usize,
}

impl fmt::Display for Totals {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(to, "modules              {:>7}", self.modules)?;
        writeln!(to, "cases                {:>7}", self.cases)?;
        writeln!(to, "same                 {:>7}", self.same)?;
        writeln!(to, "different by policy  {:>7}", self.by_policy)?;
        writeln!(to, "unknown              {:>7}", self.unknown)?;
        write!(to, "cut off on both sides{:>7}", self.cut_off)
    }
}

/// Runs the modules whose name contains the pattern, or all, and writes what came of them after each.
pub(super) fn run(
    side: &Side<'_>,
    pattern: Option<&str>,
    jobs: usize,
    report: &Path,
) -> anyhow::Result<Totals> {
    let mut names = side.python.modules()?;
    names.retain(|name| pattern.is_none_or(|pattern| name.contains(pattern)));
    if names.is_empty() {
        bail!("no module has that in its name");
    }
    fs::create_dir_all(report.parent().unwrap_or(report)).context("cannot make target/fidelity")?;
    let reasons = reasons::all(side.user);
    let bar = ProgressBar::new(names.len() as u64);
    bar.set_style(ProgressStyle::with_template("{pos}/{len} {wide_bar} {msg} {elapsed}")?);
    bar.enable_steady_tick(Duration::from_millis(500));
    let waiting = Mutex::new(VecDeque::from(names));
    // Not in the loop's own head, which would hold the lock while a module runs.
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let found = Mutex::new(Vec::new());
    thread::scope(|scope| {
        let work = || -> anyhow::Result<()> {
            while let Some(name) = next() {
                bar.set_message(name.clone());
                let compared = module(side, &name, &reasons)?;
                bar.suspend(|| tell(&name, &compared));
                bar.inc(1);
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                found.push((name, compared));
                write(report, side, &found)?;
            }
            Ok(())
        };
        let threads: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| bail!("a thread that runs modules panicked"))
        })
    })?;
    bar.finish_and_clear();
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(totals(&found))
}

/// Both sides of one module. What differs without a reason runs once more, alone, since some tests race against the clock.
fn module(side: &Side<'_>, name: &str, reasons: &[Reason]) -> anyhow::Result<Compared> {
    let names = [name.to_owned()];
    let mut compared = compare(name, &side.inside(&names)?, &side.outside(&names)?, reasons);
    let doubtful = |case: &str| case != name && case.starts_with("test.");
    let again: Vec<_> = compared
        .different
        .iter()
        .filter(|different| different.why.is_none() && doubtful(&different.case))
        .map(|different| different.case.clone())
        .collect();
    if !again.is_empty() {
        let second = compare(name, &side.inside(&again)?, &side.outside(&again)?, reasons);
        let still = |case: &String| {
            !again.contains(case)
                || second.cut_off.is_some()
                || second.different.iter().any(|different| different.case == *case || different.case == name)
        };
        let before = compared.different.len();
        compared.different.retain(|different| still(&different.case));
        compared.same += before - compared.different.len();
    }
    Ok(compared)
}

fn tell(name: &str, compared: &Compared) {
    for different in compared.different.iter().filter(|different| different.why.is_none()) {
        println!("unknown: {}", different.case);
        println!("    inside:  {}", different.inside);
        println!("    outside: {}", different.outside);
    }
    if let Some(at) = &compared.cut_off {
        println!("cut off on both sides: {name}: {at}");
    }
}

fn totals(found: &[(String, Compared)]) -> Totals {
    let mut totals = Totals { modules: found.len(), ..Totals::default() };
    for (_, compared) in found {
        let by_policy = compared.different.iter().filter(|different| different.why.is_some()).count();
        totals.cases += compared.cases;
        totals.same += compared.same;
        totals.by_policy += by_policy;
        totals.unknown += compared.different.len() - by_policy;
        totals.cut_off += usize::from(compared.cut_off.is_some());
    }
    totals
}

/// The whole so far, as JSON.
fn write(report: &Path, side: &Side<'_>, found: &[(String, Compared)]) -> anyhow::Result<()> {
    let modules: Vec<_> = found
        .iter()
        .map(|(name, compared)| {
            let different: Vec<_> = compared
                .different
                .iter()
                .map(|each| {
                    json!({"case": each.case, "inside": each.inside, "outside": each.outside, "why": each.why})
                })
                .collect();
            json!({
                "module": name, "cases": compared.cases, "same": compared.same, "different": different,
                "cut_off": compared.cut_off,
            })
        })
        .collect();
    let totals = totals(found);
    let document = json!({
        "python": side.python.version, "user": side.user.name(),
        "modules": totals.modules, "cases": totals.cases, "same": totals.same,
        "different_by_policy": totals.by_policy, "unknown": totals.unknown, "cut_off": totals.cut_off,
        "each": modules,
    });
    // Whole at any time, for who looks meanwhile.
    let part = report.with_extension("part");
    fs::write(&part, format!("{document:#}\n"))
        .and_then(|()| fs::rename(&part, report))
        .with_context(|| format!("cannot write {}", report.display()))
}

#[cfg(test)]
mod tests {
    use super::super::compare::{Compared, Different};
    use super::totals;

    #[test]
    fn differences_are_counted_by_their_reason() {
        let different = |why| Different {
            case: "case".to_owned(),
            inside: "failed".to_owned(),
            outside: "passed".to_owned(),
            why,
        };
        let compared = Compared {
            cases: 5,
            same: 2,
            different: vec![different(Some("because")), different(None), different(None)],
            cut_off: None,
        };
        let totals = totals(&[("test.test_x".to_owned(), compared)]);
        assert_eq!((totals.modules, totals.cases, totals.same), (1, 5, 2));
        assert_eq!((totals.by_policy, totals.unknown, totals.cut_off), (1, 2, 0));
    }
}
