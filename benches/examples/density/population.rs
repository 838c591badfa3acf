//! One population: fills a pool, looks at it, and lets it go.

use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use zeroboot::{Pool, PoolOptions, Template};
use zeroboot_benches::memory;

use super::family::{self, Family, Held, Mean};
use super::hosts::Host;
use super::limits::{self, Cost, Limit, Of, SPARED_KIB};
use super::machine::{Part, Snapshot, Taken};
use super::progress;
use super::table::{Table, grouped};
use super::times::{self, ROUNDS, Spread, Times};

/// How many show what one takes before the others are made.
const FEW: usize = 64;

/// How many are parked where times are compared with.
const BESIDE_NONE: usize = 8;

/// After so long a pool is filled no further.
const LONGEST_FILL: Duration = Duration::from_secs(300);

/// How often it is looked whether it is full.
const LOOK: Duration = Duration::from_millis(50);

/// How far a pool was filled.
#[derive(Debug)]
pub(crate) struct Filled {
    pub(crate) parked: usize,
    took: Duration,
    /// How long one took, of the first and of the last tenth.
    first: Duration,
    last: Duration,
    /// Why there are no more.
    pub(crate) ended: Option<String>,
}

/// Everything that is known of a population.
#[derive(Debug)]
struct Findings {
    asked: usize,
    parked: usize,
    processes: usize,
    took: Duration,
    /// The pool of this process.
    filled: Filled,
    taken: Taken,
    sandbox: Mean,
    shell: Mean,
    before: Held,
    during: Held,
    times: Option<[Times; 3]>,
    emptied: Duration,
    left_kib: f64,
    limits: Vec<Limit>,
}

/// Parks so many, and gives what was found as text. The other template is for spawns on demand.
pub(crate) fn measure(asked: usize, others: &Template) -> anyhow::Result<String> {
    let template = super::template()?;
    let cost = cost(&template)?;
    let limits = limits::limits(cost)?;
    let room = |of: Of| limits.iter().find(|limit| limit.of == of).context("no limit is known");
    let (of_host, of_machine) = (room(Of::Host)?, room(Of::Machine)?);
    let holds = |limit: &Limit| usize::try_from(limit.holds).unwrap_or(usize::MAX).max(1);
    let size = asked.min(holds(of_machine));
    // In equal parts, of which this process has one.
    let processes = size.div_ceil(holds(of_host)).max(1);
    let mut hosts = Vec::new();
    for other in 1..processes {
        hosts.push(Host::start((size + other) / processes)?);
    }
    let own = size - hosts.iter().map(|host| host.size).sum::<usize>();

    let alone = others.pool_with(PoolOptions::new(BESIDE_NONE).nothing_ahead())?;
    alone.wait_until_full(LONGEST_FILL)?;
    let times_alone = |what: &'static str| {
        let bar = progress(ROUNDS, what);
        let times = times::measure(others, &alone, &bar);
        bar.finish_and_clear();
        times
    };
    let times_before = times_alone("spawns and claims beside none")?;
    let held_before = Family::find()?.held()?;
    let before = Snapshot::settled()?;

    let (pool, mut filled) = fill(&template, own, Ahead::Nothing)?;
    let mut parked = filled.parked;
    let begun = Instant::now();
    for host in &mut hosts {
        if filled.ended.is_none() && begun.elapsed() > LONGEST_FILL {
            filled.ended = Some(too_long());
        }
        if filled.ended.is_none() {
            let (others, ended) = host.fill()?;
            parked += others;
            filled.ended = ended;
        }
    }
    let took = filled.took + begun.elapsed();
    let full = filled.ended.is_none();
    if full && size < asked {
        filled.ended = Some(format!("there is room for {size} by {}", of_machine.name));
    }
    let taken = Snapshot::settled()?.since(&before).each(parked);
    let family = Family::find()?;
    let held = family.held()?;
    let (sandbox, shell) = (family::mean(&family.sandboxes), family::mean(&family.shells));
    let times_beside = if full {
        let bar = progress(ROUNDS, "spawns and claims beside them");
        let times = times::measure(others, &pool, &bar).context("beside a full pool")?;
        bar.finish_and_clear();
        Some(times)
    } else {
        None
    };
    let begun = Instant::now();
    drop(pool);
    drop(hosts);
    let emptied = begun.elapsed();
    let left_kib = Snapshot::settled()?.since(&before).all;
    let times_after = times_alone("spawns and claims beside none again")?;
    let findings = Findings {
        asked,
        parked,
        processes,
        took,
        filled,
        taken,
        sandbox,
        shell,
        before: held_before,
        during: held,
        times: times_beside.map(|beside| [times_before, beside, times_after]),
        emptied,
        left_kib,
        limits,
    };
    Ok(findings.text())
}

/// What sandboxes have done before they are parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ahead {
    Nothing,
    /// The code of the rehearsal, which prints a line.
    Rehearsal,
}

/// Fills a pool of this size, as far as memory and time go.
pub(crate) fn fill(template: &Template, size: usize, ahead: Ahead) -> anyhow::Result<(Pool, Filled)> {
    let begun = Instant::now();
    let bar = progress(size, "parked");
    let options = match ahead {
        Ahead::Nothing => PoolOptions::new(size).nothing_ahead(),
        Ahead::Rehearsal => PoolOptions::new(size),
    };
    let pool = template.pool_with(options)?;
    let (mut first, mut ninth) = (None, None);
    let (parked, ended) = loop {
        let counters = pool.counters();
        let took = begun.elapsed();
        bar.set_position(counters.parked as u64);
        let passed =
            |tenths: usize| (counters.parked >= size * tenths / 10).then_some((took, counters.parked));
        first = first.or_else(|| passed(1));
        ninth = ninth.or_else(|| passed(9));
        let ended = if counters.parked >= size {
            None
        } else if let Some(trouble) = counters.trouble {
            Some(trouble)
        } else if memory::available()? < SPARED_KIB {
            Some("less than 2 GiB of memory are left".to_owned())
        } else if took > LONGEST_FILL {
            Some(too_long())
        } else {
            thread::sleep(LOOK);
            continue;
        };
        break (counters.parked, ended);
    };
    bar.finish_and_clear();
    let took = begun.elapsed();
    let each = |time: Duration, many: usize| time / u32::try_from(many.max(1)).unwrap_or(u32::MAX);
    let (first, (until_ninth, ninth)) = (first.unwrap_or((took, parked)), ninth.unwrap_or_default());
    let filled = Filled {
        parked,
        took,
        first: each(first.0, first.1),
        last: each(took.saturating_sub(until_ninth), parked.saturating_sub(ninth)),
        ended,
    };
    Ok((pool, filled))
}

fn too_long() -> String {
    format!("{} s are over", LONGEST_FILL.as_secs())
}

/// What one takes, as few of them show.
fn cost(template: &Template) -> anyhow::Result<Cost> {
    let (before, held_before) = (memory::settled()?, Family::find()?.held()?);
    let (pool, filled) = fill(template, FEW, Ahead::Nothing)?;
    ensure!(filled.ended.is_none(), "not even {FEW} can be parked: {}", filled.ended.unwrap_or_default());
    let (after, held) = (memory::settled()?, Family::find()?.held()?);
    drop(pool);
    #[expect(clippy::cast_precision_loss, reason = "descriptors, and parts of a machine's memory")]
    let each = |before: u64, after: u64| after.saturating_sub(before) as f64 / FEW as f64;
    Ok(Cost {
        host_descriptors: each(held_before.host as u64, held.host as u64),
        warden_descriptors: each(held_before.warden as u64, held.warden as u64),
        kib: each(after, before),
    })
}

impl Findings {
    fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.tell(&mut text);
        text
    }

    fn tell(&self, text: &mut String) -> std::fmt::Result {
        let Filled { parked: own, first, last, ended, .. } = &self.filled;
        #[expect(clippy::cast_precision_loss, reason = "a number of processes")]
        let (many, own, asked) = (self.parked as f64, *own as f64, self.asked as f64);
        let processes = self.processes;
        writeln!(text, "{} sandboxes parked, of {}; hosts: {processes}", grouped(many), grouped(asked))?;
        if let Some(ended) = ended {
            writeln!(text, "no more, since: {ended}")?;
        }
        writeln!(
            text,
            "filled in {:.1} s ({:.2} ms each in the first tenth, {:.2} ms in the last), emptied in {:.1} s; {} MiB are missing \
             afterwards\n",
            self.took.as_secs_f64(),
            first.as_secs_f64() * 1e3,
            last.as_secs_f64() * 1e3,
            self.emptied.as_secs_f64(),
            grouped(self.left_kib / 1024.0),
        )?;

        let mut memory = Table::new(["memory", "KiB each", "MiB in all"]);
        let mut row = |Part { name, kib }: &Part| {
            memory.row([name.clone(), format!("{kib:.1}"), grouped(kib * many / 1024.0)]);
        };
        row(&Part { name: "in all".to_owned(), kib: self.taken.all });
        self.taken.parts.iter().for_each(&mut row);
        row(&Part { name: "beside it, reclaimable (SReclaimable)".to_owned(), kib: self.taken.reclaimable });
        for Part { name, kib } in &self.taken.objects {
            row(&Part { name: format!("of the objects: {name}"), kib: *kib });
        }
        writeln!(text, "{}", memory.text())?;

        let mut processes = Table::new(["a process", "private KiB", "page tables KiB", "descriptors"]);
        for (name, mean) in [("sandbox", &self.sandbox), ("its shell", &self.shell)] {
            processes.row([
                name.to_owned(),
                format!("{:.1}", mean.private_kib),
                format!("{:.1}", mean.page_table_kib),
                format!("{:.1}", mean.descriptors),
            ]);
        }
        writeln!(text, "{}", processes.text())?;
        #[expect(clippy::cast_precision_loss, reason = "descriptors")]
        let each = |before: usize, during: usize| during.saturating_sub(before) as f64 / own.max(1.0);
        writeln!(
            text,
            "descriptors for each: {:.2} of the host, {:.2} of the warden; threads of the host: {} more for all\n",
            each(self.before.host, self.during.host),
            each(self.before.warden, self.during.warden),
            self.during.threads.saturating_sub(self.before.threads),
        )?;

        match &self.times {
            None => writeln!(text, "spawns and claims are not measured: the pool is not full\n")?,
            Some(times) => {
                writeln!(text, "{}", told(times).text())?;
                if is_noisy(times) {
                    writeln!(text, "noisy: times beside none differ, so other programs ran\n")?;
                }
            }
        }
        let mut limits = Table::new(["limit", "of each", "sandboxes"]);
        for Limit { name, holds, of } in &self.limits {
            let of = if *of == Of::Host { "host" } else { "machine" };
            #[expect(clippy::cast_precision_loss, reason = "a number of processes")]
            limits.row([name.clone(), of.to_owned(), grouped(*holds as f64)]);
        }
        write!(text, "{}", limits.text())
    }
}

/// Whether the machine was another one before and after.
fn is_noisy([before, _, after]: &[Times; 3]) -> bool {
    let pairs = before.all.iter().zip(&after.all);
    pairs.map(|((_, before), (_, after))| before.p50 / after.p50).any(|ratio| !(0.7..1.4).contains(&ratio))
}

/// Times beside a population, those without it around it, and the ratio to the mean of these.
fn told([before, beside, after]: &[Times; 3]) -> Table {
    let mut table =
        Table::new(["µs, p50 (p99)", "beside none", "beside them", "beside none again", "ratio of p50, p99"]);
    for (((name, before), (_, beside)), (_, after)) in before.all.iter().zip(&beside.all).zip(&after.all) {
        let of = |spread: &Spread| format!("{} ({})", grouped(spread.p50), grouped(spread.p99));
        let ratio = |of: fn(&Spread) -> f64| of(beside) * 2.0 / (of(before) + of(after));
        let ratios = format!("{:.2}, {:.2}", ratio(|spread| spread.p50), ratio(|spread| spread.p99));
        table.row([(*name).to_owned(), of(before), of(beside), of(after), ratios]);
    }
    table
}
