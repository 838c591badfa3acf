//! `zeroboot run`.

use std::io::{IsTerminal, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use zeroboot::{
    Bytes, Input, Limits, Outcome, Output, Policy, Pool, Request, Rule, RunError, Status, Template,
};

use crate::arguments::{RunOptions, view};
use crate::collected;
use crate::document::{Copied, Document, PoolSummary, Summary, us};
use crate::failure::Failure;
use crate::input::SharedInput;
use crate::map::Maps;
use crate::notes::Notes;
use crate::script::{self, Script};

/// As `timeout(1)` has it.
const DEADLINE_STATUS: u8 = 124;

/// A sandbox that was ended for another reason of ours: as if by `SIGKILL`, which it was.
const KILLED_STATUS: u8 = 128 + 9;

pub(crate) fn run(options: &RunOptions) -> Result<u8, Failure> {
    let script = Script::read(options)?;
    let policy = policy(options)?;
    if !options.quiet {
        script::warn_of_settings(&options.env).iter().for_each(|text| say(text));
    }
    let _publisher = zeroboot::publish()
        .inspect_err(|error| tracing::debug!(cause = error.cause(), "`zeroboot top` will not show this"))
        .ok();
    let sandboxes = build(options, policy)?;
    let run = if options.count == 1 { one } else { many };
    run(options, &script, &sandboxes, Notes::of(&policy))
}

/// Where sandboxes come from.
enum Sandboxes {
    OnDemand(Template),
    Parked(Pool),
}

impl Sandboxes {
    fn execute(&self, request: Request) -> Result<Outcome, RunError> {
        match self {
            Self::OnDemand(template) => template.execute(request),
            Self::Parked(pool) => pool.execute(request),
        }
    }

    fn pool(&self) -> Option<PoolSummary> {
        match self {
            Self::OnDemand(_) => None,
            Self::Parked(pool) => Some(PoolSummary::of(&pool.counters())),
        }
    }
}

/// How long a whole pool may take to be parked.
const FILLING: Duration = Duration::from_secs(60);

/// Warms the template up, and parks sandboxes; a spinner turns meanwhile if somebody looks.
fn build(options: &RunOptions, policy: Policy) -> Result<Sandboxes, Failure> {
    let mut builder = Template::python()
        .interpreter(&options.python)
        .policy(policy)
        .parked_shells(usize::try_from(options.parallel).unwrap_or(1) + 1)
        .processes(options.template_processes)
        .warm_up_output(copy(&std::io::stderr())?);
    for module in &options.import {
        builder = builder.import(module);
    }
    if options.no_site {
        builder = builder.without_site();
    }
    if options.huge_heap {
        builder = builder.huge_heap();
    }
    if let Some(file) = &options.warm {
        builder = builder.warm_file(file);
    }
    for (name, value) in &options.warm_env {
        builder = builder.warm_environment(name, value);
    }
    for text in &options.ro {
        builder = match view(text) {
            (path, None) => builder.read_only(path),
            (path, Some(place)) => builder.read_only_at(path, place),
        };
    }
    if let Some(directory) = &options.dir {
        builder = builder.directory(directory);
    }
    let spinner = (!options.quiet && std::io::stderr().is_terminal()).then(|| spinner(options));
    let sandboxes = builder.build().map_err(Failure::from).and_then(|template| park(options, template));
    if let Some(spinner) = spinner {
        spinner.finish_and_clear();
    }
    sandboxes
}

fn park(options: &RunOptions, template: Template) -> Result<Sandboxes, Failure> {
    let Some(size) = options.pool else { return Ok(Sandboxes::OnDemand(template)) };
    let pool = template.pool(size.into())?;
    pool.wait_until_full(FILLING)?;
    Ok(Sandboxes::Parked(pool))
}

/// The named one, with the limits of the command line.
fn policy(options: &RunOptions) -> Result<Policy, Failure> {
    let mut policy = match options.policy.to_str() {
        Some("strict") => Policy::strict(),
        _ => zeroboot::read_policy(&options.policy)
            .map_err(|error| Failure::new(error.cause(), error.remedy()))?,
    };
    policy.network = options.network.unwrap_or(policy.network);
    at_least("--memory", options.memory, Limits::LEAST_MEMORY)?;
    at_least("--tmp", options.tmp, Limits::LEAST_TMP)?;
    let limits = &mut policy.limits;
    limits.tmp = options.tmp.unwrap_or(limits.tmp);
    limits.memory = options.memory.or(limits.memory);
    limits.cpus = options.cpus.or(limits.cpus);
    limits.open_files = options.files.unwrap_or(limits.open_files);
    limits.processes = options.pids.unwrap_or(limits.processes);
    policy.storm.action = options.storm.unwrap_or(policy.storm.action);
    let waive = |policy: Policy, protection| policy.protection(protection, Rule::Waive);
    Ok(options.waive.iter().copied().fold(policy, waive))
}

/// Refuses what no sandbox can start with: most likely its unit was forgotten.
fn at_least(option: &str, given: Option<Bytes>, least: Bytes) -> Result<(), Failure> {
    match given {
        Some(Bytes(given)) if given < least.0 => {
            let cause = format!("{option} {given} is {given} bytes, too little for any sandbox");
            let least = least.0 >> 10;
            Err(Failure::new(cause, format!("add a unit, as in {option} {given}M; {least}K is the least")))
        }
        _ => Ok(()),
    }
}

fn spinner(options: &RunOptions) -> ProgressBar {
    let what = match options.import.as_slice() {
        [] => "warming the template up".to_owned(),
        modules => format!("warming the template up: {}", modules.join(", ")),
    };
    let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    let spinner = ProgressBar::new_spinner().with_style(style).with_message(what);
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// One sandbox: its streams are this command's own.
fn one(
    options: &RunOptions,
    script: &Script,
    sandboxes: &Sandboxes,
    mut notes: Notes,
) -> Result<u8, Failure> {
    let mut request = script.request(options, 1);
    if script.reads_input() {
        request = request.stdin(Input::From(copy(&std::io::stdin())?));
    }
    if !options.json {
        request = request
            .stdout(Output::To(copy(&std::io::stdout())?))
            .stderr(Output::To(copy(&std::io::stderr())?));
    }
    let result = sandboxes.execute(request);
    if options.json {
        print_line(&Document::of(&result))?;
    }
    let outcome = result?;
    let mut maps = Maps::default();
    maps.add(&outcome);
    maps.keep();
    if !options.quiet && !options.json {
        notes.add(&outcome);
        say(&format!("{}; {}{}", outcome.status, outcome.account, notes.of_one()));
        notes.remedy().iter().for_each(|text| say(text));
    }
    if !options.quiet {
        say_left_out(&outcome);
    }
    collected::check(outcome.collected.as_ref())?;
    options.map.as_ref().map_or(Ok(()), |path| maps.draw(path))?;
    Ok(status(outcome.status))
}

/// Several sandboxes, some at once; what they write comes out whole, in the order in which they end.
fn many(
    options: &RunOptions,
    script: &Script,
    sandboxes: &Sandboxes,
    mut notes: Notes,
) -> Result<u8, Failure> {
    let begun = Instant::now();
    let next = AtomicU32::new(0);
    let mut summary = Summary::default();
    let mut copied = Copied::default();
    let mut maps = Maps::default();
    let mut worst = 0;
    let mut failed = None;
    let input = script.reads_input().then(SharedInput::standard).transpose()?.flatten();
    std::thread::scope(|scope| {
        let (results, finished) = mpsc::sync_channel(64);
        for _ in 0..options.parallel.min(options.count) {
            let (next, input, results) = (&next, input.as_ref(), results.clone());
            scope.spawn(move || {
                loop {
                    let before = next.fetch_add(1, Ordering::Relaxed);
                    if before >= options.count {
                        return;
                    }
                    let request = script.request(options, before + 1);
                    let result = match input {
                        Some(input) => {
                            input.feed(|stdin| sandboxes.execute(request.stdin(stdin))).unwrap_or_else(
                                |source| Err(RunError::Pass { stream: "standard input", source }),
                            )
                        }
                        None => sandboxes.execute(request),
                    };
                    if results.send(result).is_err() {
                        return;
                    }
                }
            });
        }
        drop(results);
        for result in finished {
            summary.sandboxes += 1;
            summary.succeeded += usize::from(result.as_ref().is_ok_and(|outcome| outcome.status.success()));
            show(options, &result)?;
            match result {
                Ok(outcome) => {
                    if !options.quiet {
                        say_left_out(&outcome);
                    }
                    collected::check(outcome.collected.as_ref())?;
                    worst = worst.max(status(outcome.status));
                    notes.add(&outcome);
                    copied.add(&outcome.account);
                    maps.add(&outcome);
                }
                Err(error) => failed = Some(error),
            }
        }
        Ok::<(), Failure>(())
    })?;
    let elapsed = begun.elapsed();
    summary.elapsed_us = us(elapsed);
    summary.pool = sandboxes.pool();
    summary.copied_from = copied.mean();
    if options.json {
        print_line(&summary)?;
    } else if !options.quiet {
        let parked = summary
            .pool
            .as_ref()
            .map_or_else(String::new, |pool| format!(", {} of them were parked", pool.hits));
        say(&format!(
            "{} sandboxes, {} succeeded, in {:.3} s{parked}{}",
            summary.sandboxes,
            summary.succeeded,
            elapsed.as_secs_f64(),
            notes.of_many()
        ));
        if let Some(text) = summary.most_copied() {
            say(&text);
        }
    }
    if let Some(path) = &options.map {
        maps.keep();
        maps.draw(path)?;
    }
    if let Some(failure) = input.as_ref().and_then(SharedInput::failure) {
        return Err(failure);
    }
    failed.map_or(Ok(worst), |error| Err(error.into()))
}

fn show(options: &RunOptions, result: &Result<Outcome, RunError>) -> Result<(), Failure> {
    if options.json {
        return print_line(&Document::of(result));
    }
    let Ok(outcome) = result else { return Ok(()) };
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&outcome.stdout).and_then(|()| stdout.flush()).map_err(cannot_write)?;
    std::io::stderr()
        .write_all(&outcome.stderr)
        .map_err(|error| Failure::stream("cannot write to standard error", &error))
}

fn say_left_out(outcome: &Outcome) {
    if let Some(words) = outcome.collected.as_ref().and_then(collected::left_out_in_words) {
        say(&words);
    }
}

fn status(status: Status) -> u8 {
    match status {
        Status::Exited(code) => code,
        Status::Signaled(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        Status::Deadline => DEADLINE_STATUS,
        _ => KILLED_STATUS,
    }
}

fn copy(stream: &impl AsFd) -> Result<OwnedFd, Failure> {
    let copied = stream.as_fd().try_clone_to_owned();
    copied.map_err(|error| Failure::stream("cannot use a standard stream", &error))
}

fn print_line(document: &impl serde::Serialize) -> Result<(), Failure> {
    let mut line = serde_json::to_vec(document)
        .map_err(|error| Failure::new(format!("cannot write JSON: {error}"), "run it without --json"))?;
    line.push(b'\n');
    std::io::stdout().write_all(&line).map_err(cannot_write)
}

fn cannot_write(error: std::io::Error) -> Failure {
    Failure::stream("cannot write to standard output", &error)
}

fn say(text: &str) {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "zeroboot: {text}");
}
