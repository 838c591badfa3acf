//! Every call that the filter lets through is needed: everyday programs make it, as a tracer sees, or the table names who
//! does.

#[path = "../common/mod.rs"]
mod common;
mod trace;

use std::collections::BTreeSet;
use std::process::{Command, ExitCode};

use common::{run, skip};
use libtest_mimic::{Failed, Trial};
use zeroboot_isolation::filter::{ALLOWED, Entry, Need};

fn main() -> ExitCode {
    run(vec![Trial::test("every_entry_is_needed", every_entry_is_needed)])
}

/// The version whose functions the programs try.
const PYTHON: &str = "import sys, sqlite3; sys.exit(sys.version_info < (3, 11))";

fn every_entry_is_needed() -> Result<(), Failed> {
    let works = |program: &str, arguments: &[&str]| {
        Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
    };
    if !works("python3", &["-c", PYTHON]) {
        return skip("there is no python3 from 3.11 on");
    }
    if !works("bash", &["-c", "type tar gzip awk timeout"]) {
        return skip("there is no bash with the usual programs");
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/needed");
    let mut made = BTreeSet::new();
    for (program, script) in [("python3", "corpus.py"), ("bash", "corpus.sh")] {
        let traced = trace::calls(Command::new(program).arg(format!("{folder}/{script}")))?;
        let Some(traced) = traced else { return skip("no process may be traced here") };
        if !traced.succeeded {
            return Err(format!("{script} failed").into());
        }
        made.extend(traced.calls);
    }
    let entries = || ALLOWED.iter().flat_map(|group| group.entries);
    let idle = |entry: &&Entry| match entry.needed_by {
        Need::Everyday => !made.contains(&entry.call.number),
        Need::These(programs) => programs.is_empty(),
    };
    let idle: Vec<_> = entries().filter(idle).map(|entry| entry.call.name()).collect();
    if idle.is_empty() {
        return Ok(());
    }
    Err(format!("nobody needs these calls: name who does, or remove them: {}", idle.join(" ")).into())
}
