//! The host below the filter: asks for a sandbox, says what came of it, and asks again when it is told to.

use std::io::{Read, Write};
use std::process::ExitCode;
use std::sync::Mutex;

use nix::libc;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use zeroboot::{BuildError, RunError, SpawnError, Template};

/// The argument by which the program is the host.
pub(crate) const ROLE: &str = "--below-a-filter";

/// What only user code calls.
pub(crate) const WITNESS: libc::c_long = libc::SYS_getpriority;

/// The user code, which calls it first of all.
const CODE: &str = "import os; os.getpriority(os.PRIO_PROCESS, 0); print('ran')";

pub(crate) fn run() -> ExitCode {
    if tracing::subscriber::set_global_default(Errors).is_err() {
        return ExitCode::FAILURE;
    }
    let mut template = None;
    say("result", &attempt(&mut template));
    let told = std::io::stdin().read_to_end(&mut Vec::new());
    say("then", &attempt(&mut template));
    if told.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// In one write, since the supervisor speaks into the same pipe.
fn say(word: &str, what: &str) {
    let line = format!("{word} {}\n", what.replace('\n', " "));
    let _ = std::io::stdout().write_all(line.as_bytes());
}

fn attempt(kept: &mut Option<Template>) -> String {
    let template = match kept {
        Some(template) => template,
        None => match Template::python().build() {
            Ok(template) => kept.insert(template),
            Err(error @ BuildError::Seal(_)) => return format!("seal: {}", error.cause()),
            Err(error @ BuildError::Warden(_)) => return format!("warden: {}", error.cause()),
            Err(error) => return format!("{error:?}"),
        },
    };
    match template.run(CODE) {
        Ok(outcome) => outcome.stdout_lossy().trim_end().to_owned(),
        Err(RunError::Spawn(SpawnError::Hardening(failure))) => {
            format!("hardening {} {}, told: {}", failure.step.0, failure.errno, told())
        }
        Err(RunError::Spawn(SpawnError::Refused(failure))) => format!("refused {}", failure.errno),
        Err(RunError::Spawn(SpawnError::Unsealed(what))) => format!("unsealed: {what}"),
        Err(error) => format!("{error:?}"),
    }
}

/// The fields of each event at the level `error`.
static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn told() -> String {
    TOLD.lock().map(|told| format!("{told:?}")).unwrap_or_default()
}

/// Hears the events at the level `error`, and nothing else.
struct Errors;

impl Subscriber for Errors {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR
    }

    fn event(&self, event: &Event<'_>) {
        let mut names = Names(Vec::new());
        event.record(&mut names);
        if let Ok(mut told) = TOLD.lock() {
            told.push(names.0.join(" "));
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Of the fields that have a value; the process may not be known yet.
struct Names(Vec<&'static str>);

impl Visit for Names {
    fn record_debug(&mut self, field: &Field, _: &dyn std::fmt::Debug) {
        if field.name() != "pid" {
            self.0.push(field.name());
        }
    }
}
