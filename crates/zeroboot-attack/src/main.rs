//! The command `zeroboot-attack`: runs the attacks in a sandbox and prints what got through.
#![forbid(unsafe_code)]

mod arguments;
mod report;

use std::fs;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

use arguments::Arguments;
use report::{Entry, Report, Standing};
use zeroboot_attack::bait::Bait;
use zeroboot_attack::catalogue::{self, Attack};
use zeroboot_attack::suite::{self, Commands, Outcome};

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
    if arguments.control.is_none() {
        report
            .note("controls are not run: without --control nothing shows that each attack can succeed here");
    }
    for attack in chosen {
        let done = suite::run(attack, &commands, &bait)?;
        let standing = Standing::of(&done.outcome, suite::is_open(attack, &arguments.open));
        let control = control(attack, arguments, &bait)?;
        report.add(&Entry { attack, standing, outcome: done.outcome, took: done.took, control });
    }
    report.end();
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The attack again, where every layer that stops it is waived. `None` where that is not asked for, cannot be, or is too dangerous.
fn control(attack: &Attack, arguments: &Arguments, bait: &Bait) -> anyhow::Result<Option<Outcome>> {
    let Some(control) = arguments.control.as_ref().filter(|_| arguments.controls(attack)) else {
        return Ok(None);
    };
    let waived: Vec<_> = attack.layers.iter().map(|layer| layer.name()).collect();
    let commands = Commands { one: control.replace("{waived}", &waived.join(",")), pair: None };
    Ok(Some(suite::run(attack, &commands, bait)?.outcome))
}

/// The names in the file, one or several a line.
fn calls(arguments: &Arguments) -> anyhow::Result<Vec<String>> {
    let Some(file) = &arguments.calls else { return Ok(Vec::new()) };
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let calls: Vec<_> = text.split_whitespace().map(str::to_owned).collect();
    anyhow::ensure!(!calls.is_empty(), "{} names no system call", file.display());
    Ok(calls)
}
