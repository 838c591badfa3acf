//! The floor: a bare `clone3` in a small process, to the child's first instruction.

#![forbid(unsafe_code)]

use criterion::Criterion;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    let mut floor = zeroboot_benches::Floor::start()?;
    criterion.bench_function("floor", |bencher| {
        bencher.iter_custom(|count| (0..count).map(|_| floor.measure().expect("the floor is there")).sum());
    });
    criterion.final_summary();
    Ok(())
}
