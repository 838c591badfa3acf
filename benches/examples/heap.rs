//! 100 MB of fresh heap in small pages and in huge ones, taking turns:
//! `cargo run --release -p zeroboot-benches --example heap [ROUNDS]`.

#![allow(clippy::print_stdout, reason = "an example that prints its findings")]

use std::error::Error;

use zeroboot_benches::heap::{Allocated, Heaps};

fn main() -> Result<(), Box<dyn Error>> {
    let rounds = std::env::args().nth(1).map_or(Ok(50), |text| text.parse())?;
    let heaps = Heaps::build()?;
    let (mut plain, mut huge) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        plain.push(heaps.plain()?);
        huge.push(heaps.huge()?);
    }
    let [plain, huge] = [plain, huge].map(medians);
    println!("heap_plain {:.1} ms, heap {:.1} ms: {:.2}", plain.0, huge.0, huge.0 / plain.0);
    println!("heap_plain_faults {}, heap_faults {}: {:.4}", plain.1, huge.1, huge.1 / plain.1);
    Ok(())
}

/// Milliseconds, and faults.
fn medians(allocated: Vec<Allocated>) -> (f64, f64) {
    let middle = |mut numbers: Vec<f64>| {
        numbers.sort_by(f64::total_cmp);
        numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
    };
    let times = allocated.iter().map(|one| one.time.as_secs_f64() * 1e3).collect();
    let faults = allocated.iter().map(|one| one.faults as f64).collect();
    (middle(times), middle(faults))
}
