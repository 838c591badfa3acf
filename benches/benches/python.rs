//! A Python spawn on demand: request to everything done.

#![forbid(unsafe_code)]

use criterion::Criterion;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    zeroboot::init();
    let mut criterion = Criterion::default().configure_from_args();
    let template = zeroboot::Template::python().build()?;
    criterion.bench_function("spawn_python", |bencher| {
        bencher.iter(|| template.run("print(1+1)").expect("the template is there"));
    });
    criterion.final_summary();
    Ok(())
}
