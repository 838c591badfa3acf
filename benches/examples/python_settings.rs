//! What the settings of a Python template spare its sandboxes: each script with them, and without.
//!
//! ```text
//! cargo run --release -p zeroboot-benches --example python_settings
//! ```
//!
//! The template has 300,000 objects. All scripts take turns; KiB of memory of their own, and the time from the first instruction to the
//! last, as medians.

use std::error::Error;
use std::io::Write as _;

use zeroboot::{Outcome, Status, Template};

const ROUNDS: usize = 15;

/// What a template's author may have: small objects that refer to others.
const WARM: &str = "
table = {number: [number, str(number)] for number in range(100_000)}
";

/// What is compared, what both scripts begin with, and the two beginnings: with the setting, without it.
const CASES: [(&str, &str, &str, &str); 4] = [
    ("a full collection", "import gc\n", "", "gc.unfreeze()\n"),
    ("50,000 lists are made", "import gc\n", "", "gc.unfreeze()\n"),
    ("50,000 lists are made, no collector", "import gc\n", "gc.disable()\n", ""),
    ("the template's objects are read", "from warm import table\n", "", ""),
];

/// What each does then.
const WORK: [&str; 4] = [
    "gc.collect()\n",
    "kept = [[number] for number in range(50_000)]\n",
    "kept = [[number] for number in range(50_000)]\n",
    "total = sum(pair[0] for pair in table.values())\n",
];

fn main() -> Result<(), Box<dyn Error>> {
    let warm = std::env::temp_dir().join(format!("zeroboot-settings-{}.py", std::process::id()));
    std::fs::write(&warm, WARM)?;
    let template = Template::python().warm_file(&warm).build();
    std::fs::remove_file(&warm)?;
    let template = template?;

    let mut samples = vec![[Samples::default(), Samples::default()]; CASES.len()];
    for round in 0..=ROUNDS {
        for ((case, work), both) in CASES.iter().zip(WORK).zip(&mut samples) {
            let (_, first, with, without) = case;
            for (setting, samples) in [with, without].into_iter().zip(both) {
                let outcome = template.run(&format!("{first}{setting}{work}"))?;
                // The first of each is for caches.
                if round > 0 {
                    samples.add(&outcome)?;
                }
            }
        }
    }

    let mut out = std::io::stdout().lock();
    writeln!(out, "{:<38}{:>24}{:>24}", "", "with", "without")?;
    for ((name, ..), [with, without]) in CASES.iter().zip(&mut samples) {
        writeln!(out, "{name:<38}{:>24}{:>24}", with.medians(), without.medians())?;
    }
    Ok(())
}

#[derive(Default, Clone)]
struct Samples {
    own_kib: Vec<u64>,
    us: Vec<u128>,
}

impl Samples {
    fn add(&mut self, outcome: &Outcome) -> Result<(), String> {
        if outcome.status != Status::Exited(0) {
            return Err(format!("{:?}: {}", outcome.status, outcome.stderr_lossy()));
        }
        let memory = outcome.account.memory.ok_or("it was not measured")?;
        self.own_kib.push(memory.private_kib.ok_or("its private memory is not told")?.0);
        self.us.push(outcome.account.times.run.as_micros());
        Ok(())
    }

    fn medians(&mut self) -> String {
        self.own_kib.sort_unstable();
        self.us.sort_unstable();
        let (kib, us) = (self.own_kib[ROUNDS / 2], self.us[ROUNDS / 2]);
        format!("{kib} KiB, {}.{} ms", us / 1000, us % 1000 / 100)
    }
}
