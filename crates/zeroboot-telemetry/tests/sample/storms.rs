//! Counting faults alone, and what such counts tell.

use libtest_mimic::Failed;
use zeroboot_telemetry::storm::{CountError, FaultCounter, MachineFaults};

use crate::allocations;
use crate::subject::Subject;
use crate::{check, ensure, skip};

const PAGES: u64 = 1_000;

pub(crate) fn a_counter_agrees_with_getrusage() -> Result<(), Failed> {
    let mut subject = Subject::start()?;
    let counter = FaultCounter::of_process(subject.pid)?;
    // Whatever it calls itself.
    subject.ask("forge")?;
    let before = counter.read()?;
    let [_, minor, major] = subject.ask(&format!("write fresh 0 {PAGES}"))?;
    check("faults", counter.read()?, minor + major)?;
    check("those of the pages", minor + major - before, PAGES)
}

pub(crate) fn a_fork_counts_from_zero() -> Result<(), Failed> {
    let mut subject = Subject::start()?;
    subject.ask(&format!("write fresh 0 {PAGES}"))?;
    subject.fork("old", 0)?;
    let counter = FaultCounter::of_process(subject.pid)?;
    let faults = counter.read()?;
    ensure(&format!("few faults: {faults}"), faults < PAGES / 2)
}

pub(crate) fn what_is_reaped_is_gone() -> Result<(), Failed> {
    let mut subject = Subject::start()?;
    let counter = FaultCounter::of_process(subject.pid)?;
    subject.end()?;
    counter.read()?;
    subject.process.wait()?;
    match counter.read() {
        Err(CountError::Gone(_)) => {}
        other => return Err(format!("{other:?}").into()),
    }
    let made = FaultCounter::of_process(subject.pid);
    ensure("there is none", matches!(made, Err(CountError::Process(_))))
}

pub(crate) fn the_machine_counts_the_faults_of_all() -> Result<(), Failed> {
    let mut subject = Subject::start()?;
    let machine = match MachineFaults::open() {
        Err(CountError::Open { .. }) => return skip("the faults of the machine are hidden"),
        opened => opened?,
    };
    let before = machine.read()?;
    subject.ask(&format!("write fresh 0 {PAGES}"))?;
    ensure("the machine had them too", machine.read()? - before >= PAGES)
}

pub(crate) fn a_count_allocates_nothing() -> Result<(), Failed> {
    let subject = Subject::start()?;
    let counter = FaultCounter::of_process(subject.pid)?;
    let before = allocations::calls();
    let read = counter.read();
    check("allocations", allocations::calls() - before, 0)?;
    read?;
    Ok(())
}
