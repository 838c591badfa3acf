//! A hardened spawn of a Rust template: request to first user instruction.

#![forbid(unsafe_code)]

use criterion::Criterion;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    zeroboot::init();
    let mut criterion = Criterion::default().configure_from_args();
    let template = zeroboot::Template::function("now").build()?;
    criterion.bench_function("spawn", |bencher| {
        bencher.iter_custom(|count| {
            let one = || {
                let before = zeroboot_fork::monotonic_ns();
                let first: u64 = template.call(&()).expect("the template is there");
                std::time::Duration::from_nanos(first.saturating_sub(before))
            };
            (0..count).map(|_| one()).sum()
        });
    });
    criterion.final_summary();
    Ok(())
}
