//! The promises of the fork engine, on real processes.
//!
//! Run by one thread: libtest's own harness has several, and a process with several is not forked.

mod audit;
mod common;
mod descriptors;
mod family;
mod fork;
mod freeze;
mod heap;
mod passing;
mod refusals;
mod repairs;
mod snapshot;
mod working_set;

use libtest_mimic::Arguments;

fn main() {
    if let Some(role) =
        std::env::args().nth(1).and_then(|first| first.strip_prefix("role=").map(str::to_owned))
    {
        return match role.strip_prefix("snapshot ") {
            Some(role) => snapshot::play(role),
            None => fork::play(&role),
        };
    }
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    let trials = [
        fork::trials(),
        freeze::trials(),
        heap::trials(),
        refusals::trials(),
        repairs::trials(),
        family::trials(),
        passing::trials(),
        audit::trials(),
        descriptors::trials(),
        snapshot::trials(),
        working_set::trials(),
    ];
    libtest_mimic::run(&arguments, trials.into_iter().flatten().collect()).exit();
}
