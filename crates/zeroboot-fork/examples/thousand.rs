//! A thousand children of a 64 MiB process, one after another: how long from the request to the child's first step.
//!
//! `cargo run --release -p zeroboot-fork --example thousand`

use std::error::Error;
use std::io::{self, Read, Write};

use zeroboot_fork::{ExitStatus, ForkOptions, ForkPlan, StepFailure, StepId, monotonic_ns};

const CHILDREN: usize = 1000;
const RESIDENT: usize = 64 << 20;
const TELL: StepId = StepId(100);

fn main() -> Result<(), Box<dyn Error>> {
    // Written, so that the pages exist and each fork has to copy the tables that lead to them.
    let resident = vec![1_u8; RESIDENT];
    let plan = ForkPlan::prepare(ForkOptions::default())?;
    let (mut reader, writer) = io::pipe()?;

    let mut times = Vec::with_capacity(CHILDREN);
    for _ in 0..CHILDREN {
        let asked = monotonic_ns();
        // The hook runs in the child: system calls only. The clocks of both processes are the same one.
        let tell = || {
            let now = monotonic_ns().to_ne_bytes();
            let written = (&writer).write_all(&now);
            written.map_err(|error| StepFailure { step: TELL, errno: error.raw_os_error().unwrap_or(0) })
        };
        let mut child = plan.spawn(&tell, || resident[RESIDENT - 1])?;
        let mut started = [0; 8];
        reader.read_exact(&mut started)?;
        times.push(u64::from_ne_bytes(started).saturating_sub(asked));
        // It has read the memory of its parent.
        assert_eq!(child.wait()?.status, ExitStatus::Exited(1));
    }
    times.sort_unstable();
    report(&times)?;
    Ok(())
}

/// Percentiles and a histogram; `times` in nanoseconds, sorted.
fn report(times: &[u64]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{} children of a process with {} MiB, request to first step:",
        times.len(),
        RESIDENT >> 20
    )?;
    for (name, per_mille) in [("p50", 500), ("p90", 900), ("p99", 990)] {
        writeln!(out, "  {name} {:>7} µs", times[(times.len() - 1) * per_mille / 1000] / 1000)?;
    }
    writeln!(out, "  max {:>7} µs\n", times[times.len() - 1] / 1000)?;

    // Twenty equal bars up to p99; what took longer is counted in the last line.
    const BARS: u64 = 20;
    let (first, last) = (times[0] / 1000, times[(times.len() - 1) * 99 / 100] / 1000);
    let width = ((last - first) / BARS).max(1);
    let mut rest = times;
    for low in (first..=last).step_by(usize::try_from(width).unwrap_or(usize::MAX)) {
        let count = rest.partition_point(|time| time / 1000 < low + width);
        rest = &rest[count..];
        writeln!(out, "{low:>7} µs {:<50} {count}", "#".repeat((count * 100).div_ceil(times.len()).min(50)))?;
    }
    writeln!(out, "     later {}", rest.len())
}
