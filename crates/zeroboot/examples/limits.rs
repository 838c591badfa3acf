//! Runs untrusted Python with limits, and reports how it ended:
//! `cargo run --release -p zeroboot --example limits`.

#![allow(clippy::print_stdout, reason = "an example that shows outcomes")]

use std::error::Error;
use std::time::Duration;

use zeroboot::{Bytes, Input, Outcome, Policy, Request, Status, Template};

const SCRIPTS: [(&str, &str); 4] = [
    ("sums its input", "import sys; print(sum(int(line) for line in sys.stdin), *sys.argv[1:])"),
    ("fails", "1 / 0"),
    ("never ends", "while True: pass"),
    ("fills its disk", "open('big', 'wb').write(bytes(64 << 20))"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let policy = Policy::strict().memory(Bytes::mebi(256)).processes(16).tmp(Bytes::mebi(8));
    let template = Template::python().policy(policy).import("json").build()?;
    for (what, code) in SCRIPTS {
        let request = Request::script("job.py", code)
            .argument("apples")
            .stdin(Input::Bytes(b"1\n2\n3\n".to_vec()))
            .environment("LEVEL", "3")
            .timeout(Duration::from_millis(500))
            .output_limit(Bytes::kibi(64));
        // An error is Zeroboot's own. A script that fails has an outcome.
        tell(what, &template.execute(request)?);
    }
    Ok(())
}

fn tell(what: &str, outcome: &Outcome) {
    println!("{what}: {}; {}", outcome.status, outcome.account);
    match outcome.status {
        Status::Exited(0) => println!("  it printed {:?}", outcome.stdout_lossy()),
        Status::Exited(_) => println!("  {}", outcome.stderr_lossy().lines().last().unwrap_or_default()),
        Status::Deadline => println!("  it was too slow"),
        _ => {}
    }
    for limit in &outcome.account.limits_met {
        println!("  it met its limit of {}", limit.what());
    }
    if let Some(seal) = outcome.seal.as_ref().filter(|seal| !seal.missing.is_empty()) {
        let missing: Vec<_> = seal.missing.iter().map(|one| one.name()).collect();
        println!("  this host does not enforce: {}", missing.join(", "));
    }
}
