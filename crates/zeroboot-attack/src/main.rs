//! The command `zeroboot-attack`: runs the attacks in a sandbox and prints what got through.
#![forbid(unsafe_code)]

mod arguments;
mod proof;
mod report;

use std::fs;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

use anyhow::Context;
use clap::Parser;

use arguments::Arguments;
use proof::{Proof, Unproven};
use report::{Entry, Report, Standing};
use zeroboot_attack::bait::Bait;
use zeroboot_attack::catalogue::{self, Attack, Risk};
use zeroboot_attack::control;
use zeroboot_attack::suite::{self, Commands};

/// How many controls run beside the attacks: most of their time they wait.
const WORKERS: usize = 2;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            let mut report = report::Stream::errors();
            report.line(&format!("zeroboot-attack: {error:#}"));
            report.line("  remedy: check the command by hand, with a program on its standard input");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let chosen: Vec<_> = catalogue::all().filter(|attack| arguments.wants(attack)).collect();
    anyhow::ensure!(!chosen.is_empty(), "no attack has this in its name, within this risk");
    let mut report = Report::new(arguments.json, &chosen);
    let Some(sandbox) = &arguments.sandbox else {
        report.list(&chosen);
        return Ok(ExitCode::SUCCESS);
    };
    let commands = Commands { one: sandbox.clone(), pair: arguments.pair.clone() };
    let bait = Bait::lay(calls(arguments)?)?;
    let unproven = arguments.unproven.as_deref().map(Unproven::read).transpose()?;
    let places = arguments.places();
    if places.waived.is_none() && places.arena.is_none() {
        report.note(
            "controls are not run: without --control or --arena nothing shows that an attack can succeed here",
        );
    }
    let controlled = |attack: &Attack| attack.risk <= arguments.control_risk;
    // What takes the whole machine would disturb its control, and the other way round: one after the other.
    let apart = |attack: &Attack| attack.risk == Risk::Machine;
    thread::scope(|scope| {
        let (places, bait) = (&places, &bait);
        let beside: Vec<_> =
            chosen.iter().copied().filter(|attack| controlled(attack) && !apart(attack)).collect();
        let start = |worker| {
            let (send, receive) = mpsc::channel();
            let part: Vec<_> = beside.iter().copied().skip(worker).step_by(WORKERS).collect();
            // It ends early when nobody listens any more.
            scope.spawn(move || {
                part.iter().map(|attack| control::run(attack, places, bait)).try_for_each(|it| send.send(it))
            });
            receive
        };
        let workers: Vec<_> = (0..WORKERS).map(start).collect();
        let mut controls = workers.iter().cycle();
        for attack in &chosen {
            let done = suite::run(attack, &commands, bait)?;
            let standing = Standing::of(&done.outcome, suite::is_open(attack, &arguments.open));
            let control = match (controlled(attack), apart(attack)) {
                (false, _) => None,
                (true, true) => control::run(attack, places, bait)?,
                (true, false) => {
                    let next = controls.next().and_then(|worker| worker.recv().ok());
                    next.context("the controls have ended early")??
                }
            };
            let proof = Proof::of(attack, control, unproven.as_ref());
            report.add(&Entry { attack, standing, outcome: done.outcome, took: done.took, proof });
        }
        anyhow::Ok(())
    })?;
    report.end();
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The names in the file, one or several a line.
fn calls(arguments: &Arguments) -> anyhow::Result<Vec<String>> {
    let Some(file) = &arguments.calls else { return Ok(Vec::new()) };
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let calls: Vec<_> = text.split_whitespace().map(str::to_owned).collect();
    anyhow::ensure!(!calls.is_empty(), "{} names no system call", file.display());
    Ok(calls)
}
