//! What `zeroboot top` costs, and what it costs those that it shows:
//! `cargo build --release -p zeroboot-cli && cargo run --release -p zeroboot-cli --example top_cost [SANDBOXES] [SECONDS]`.
//!
//! So many sandboxes are parked, and `zeroboot top` runs in a terminal that nobody looks at; then the CPU time of both
//! processes is read.

#![allow(clippy::print_stdout, reason = "an example that prints its findings")]

#[path = "../tests/common/terminal.rs"]
mod terminal;

use std::error::Error;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::unistd::Pid;
use terminal::Terminal;
use zeroboot::{PoolOptions, Template};
use zeroboot_telemetry::Sampler;

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse());
    let sandboxes = numbers.next().transpose()?.unwrap_or(1000);
    let span = Duration::from_secs(numbers.next().transpose()?.unwrap_or(20).try_into()?);

    let program = std::env::current_exe()?;
    let program = program.parent().and_then(|examples| examples.parent()).ok_or("no target directory")?;
    let template = Template::python().without_site().build()?;
    let pool = template.pool_with(PoolOptions::new(sandboxes))?;
    pool.wait_until_full(Duration::from_secs(300))?;
    let _publisher = zeroboot::publish()?;

    let mut terminal = Terminal::start(Command::new(program.join("zeroboot")).arg("top"))?;
    terminal.until(|screen| screen.contents().contains(&format!("{sandboxes} sandboxes")))?;
    let top = i32::try_from(terminal.program.id())?;
    let (top, host) = (Pid::from_raw(top), Pid::this());
    let mut sampler = Sampler::new();
    let mut time = |pid| -> Result<Duration, Box<dyn Error>> {
        let cpu = sampler.counters(pid)?.cpu;
        Ok(cpu.user + cpu.system)
    };
    let (begun, top_before, host_before) = (Instant::now(), time(top)?, time(host)?);
    while begun.elapsed() < span {
        terminal.read(span.saturating_sub(begun.elapsed()))?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let share = |before: Duration, after: Duration| (after - before).as_secs_f64() / seconds * 100.0;
    println!(
        "{sandboxes} sandboxes, looked at once a second: {:.2} % of a processor by top, {:.2} % by their host",
        share(top_before, time(top)?),
        share(host_before, time(host)?)
    );
    terminal.press("q")?;
    terminal.program.wait()?;
    Ok(())
}
