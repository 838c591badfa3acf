//! The host below the filter: asks for a sandbox, says what came of it, and asks again when it is told to.

use std::io::{Read, Write};
use std::process::ExitCode;

use nix::libc;
use zeroboot::{BuildError, RunError, SpawnError, Template};

/// The argument by which the program is the host.
pub(crate) const ROLE: &str = "--below-a-filter";

/// What only user code calls.
pub(crate) const WITNESS: libc::c_long = libc::SYS_getpriority;

/// The user code, which calls it first of all.
const CODE: &str = "import os; os.getpriority(os.PRIO_PROCESS, 0); print('ran')";

pub(crate) fn run() -> ExitCode {
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
            format!("hardening {} {}", failure.step.0, failure.errno)
        }
        Err(RunError::Spawn(SpawnError::Refused(failure))) => format!("refused {}", failure.errno),
        Err(RunError::Spawn(SpawnError::Unsealed(what))) => format!("unsealed: {what}"),
        Err(error) => format!("{error:?}"),
    }
}
