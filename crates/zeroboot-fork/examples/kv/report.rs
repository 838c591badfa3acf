//! What it has cost, in lines.

use std::io::{self, Write};

use crate::client::Sample;
use crate::server::Save;
use crate::store::Store;

pub(crate) fn report(
    to: &mut impl Write,
    store: &Store,
    read_back: usize,
    save: &Save,
    samples: &[Sample],
) -> io::Result<()> {
    let saved = save.saved;
    let seconds = saved.took.as_secs_f64();
    let rate = mib(saved.written.0) / seconds;
    writeln!(to, "store   {} values, {:.0} MiB", store.len(), mib(store.serialised()))?;
    writeln!(to, "fork    {:.2} ms", save.fork_time.as_secs_f64() * 1e3)?;
    writeln!(to, "save    {:.0} MiB in {seconds:.2} s, {rate:.0} MiB/s", mib(saved.written.0))?;
    match saved.copied {
        Some(copied) => writeln!(to, "copied  {:.1} MiB by writes meanwhile", mib(copied.0))?,
        None => writeln!(to, "copied  unknown: no page table to look at")?,
    }
    writeln!(to, "read    {read_back} values, each whole")?;

    writeln!(to, "\nwrites, µs         count    per s      p50      p99    p99.9      max")?;
    let (mut before, mut during) = (Vec::new(), Vec::new());
    for sample in samples.iter().filter(|sample| sample.asked >= save.serving_since) {
        let took = sample.answered.saturating_sub(sample.asked);
        if sample.answered <= save.begun {
            before.push(took);
        } else if sample.asked < save.ended {
            during.push(took);
        }
    }
    line(to, "before the save", before, save.begun - save.serving_since)?;
    line(to, "during the save", during, save.ended - save.begun)
}

/// `times` and `span` in nanoseconds.
fn line(to: &mut impl Write, name: &str, mut times: Vec<u64>, span: u64) -> io::Result<()> {
    times.sort_unstable();
    let Some(last) = times.len().checked_sub(1) else {
        return writeln!(to, "{name}: none");
    };
    let per_second = times.len() as f64 * 1e9 / span as f64;
    write!(to, "{name:<15} {:>8} {per_second:>8.0}", times.len())?;
    for per_mille in [500, 990, 999, 1000] {
        write!(to, " {:>8.1}", times[last * per_mille / 1000] as f64 / 1e3)?;
    }
    writeln!(to)
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
