//! What one parked sandbox is made of, by leaving parts of it out: shells alone, sandboxes whose fork copies no pages, and
//! sandboxes as they are.

use anyhow::{Context, ensure};
use zeroboot::Template;

use super::machine::{Snapshot, Taken};
use super::population::{Ahead, fill};
use super::table::Table;

/// How many shells are parked for nobody. A template takes no more offers at once than its socket holds.
const SHELLS: usize = 200;

/// Parks them in each way, and gives what was found as text.
pub(crate) fn measure(many: usize) -> anyhow::Result<String> {
    let shells = shells()?;
    // A rehearsal that fails teaches nothing: no page is pinned, so that no fork copies one.
    let untaught = Template::python().without_site().rehearsal("raise SystemExit(1)").build()?;
    ensure!(untaught.copied_pages().is_none(), "the rehearsal has not failed");
    let uncopied = sandboxes(&untaught, many, Ahead::Nothing)?;
    drop(untaught);
    let template = super::template()?;
    let pages = template.copied_pages().context("no page is pinned: RUST_LOG=warn says why")?;
    let whole = sandboxes(&template, many, Ahead::Nothing)?;
    let ran = sandboxes(&template, many, Ahead::Rehearsal)?;

    let mut table =
        Table::new(["KiB each", "shell", "process", "copied by the fork", "parked", "having run"]);
    let kinds = || [&shells, &uncopied, &whole, &ran];
    let mut row = |name: &str, of: &dyn Fn(&Taken) -> f64| {
        let [shell, uncopied, whole, ran] = kinds().map(of);
        let parts = [shell, uncopied - shell, whole - uncopied, whole, ran];
        let [shell, process, copied, whole, ran] = parts.map(|kib| format!("{kib:.1}"));
        table.row([name.to_owned(), shell, process, copied, whole, ran]);
    };
    row("in all", &|taken| taken.all);
    for (index, part) in whole.parts.iter().enumerate() {
        row(&part.name, &|taken| taken.parts.get(index).map_or(0.0, |part| part.kib));
    }
    row("beside it, reclaimable (SReclaimable)", &|taken| taken.reclaimable);
    Ok(format!("what one of {many} sandboxes is made of; each fork copies {pages} pages\n\n{}", table.text()))
}

/// What shells take that wait for a sandbox.
fn shells() -> anyhow::Result<Taken> {
    let with = |shells: usize| -> anyhow::Result<Snapshots> {
        let before = Snapshot::settled()?;
        let template = Template::python().without_site().parked_shells(shells).build()?;
        let during = Snapshot::settled()?;
        drop(template);
        Ok(Snapshots { before, during })
    };
    let few = with(1)?;
    let many = with(1 + SHELLS)?;
    let [few, many] = [few, many].map(|Snapshots { before, during }| during.since(&before));
    Ok(many.minus(&few).each(SHELLS))
}

struct Snapshots {
    before: Snapshot,
    during: Snapshot,
}

fn sandboxes(template: &Template, many: usize, ahead: Ahead) -> anyhow::Result<Taken> {
    let before = Snapshot::settled()?;
    let (pool, filled) = fill(template, many, ahead)?;
    ensure!(filled.ended.is_none(), "{many} cannot be parked: {}", filled.ended.unwrap_or_default());
    let taken = Snapshot::settled()?.since(&before).each(many);
    drop(pool);
    Ok(taken)
}
