//! `cargo xtask hostile`: builds the program that runs hostile programs made by chance, and starts it as root, as an ordinary
//! user, or as both, one after the other.
//!
//! What breaks a promise is left in `target/hostile`.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};

use crate::flags::Hostile;
use crate::ordinary::Place;
use crate::release;

/// Whom it runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum User {
    /// The user that has started this.
    Own,
    Ordinary,
}

/// Runs it as everybody who is asked for.
pub(crate) fn run(root: &Path, asked: &Hostile) -> anyhow::Result<ExitCode> {
    let is_root = fs::metadata("/proc/self").context("cannot tell who runs this")?.uid() == 0;
    let users = users(asked.user.as_deref(), is_root)?;
    let program = release::build(root, "zeroboot-hostile", "zeroboot-hostile")?;
    let mut code = ExitCode::SUCCESS;
    for user in users {
        let save =
            program.parent().and_then(Path::parent).context("cargo has built nowhere")?.join("hostile");
        let succeeded = match user {
            User::Own => start(Command::new(&program), asked, &save)?,
            User::Ordinary => as_ordinary_user(&program, asked, &save)?,
        };
        if !succeeded {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

/// Everybody who can be had, unless somebody is named.
fn users(asked: Option<&str>, is_root: bool) -> anyhow::Result<Vec<User>> {
    match (asked, is_root) {
        (None, true) => Ok(vec![User::Own, User::Ordinary]),
        (Some("root"), true) | (None | Some("ordinary"), false) => Ok(vec![User::Own]),
        (Some("ordinary"), true) => Ok(vec![User::Ordinary]),
        (Some("root"), false) => {
            bail!("only root runs it as root\nremedy: start it as root, or say --user ordinary")
        }
        (Some(other), _) => bail!("there is no user {other:?}\nremedy: --user root, or --user ordinary"),
    }
}

/// Whether no promise was broken.
fn start(mut command: Command, asked: &Hostile, save: &Path) -> anyhow::Result<bool> {
    let status = command.args(options(asked)).arg("--save").arg(save).status();
    Ok(status.with_context(|| format!("cannot start {}", command.get_program().display()))?.success())
}

fn as_ordinary_user(program: &Path, asked: &Hostile, save: &Path) -> anyhow::Result<bool> {
    let place = Place::new(program)?;
    let found = place.directory().join("found");
    // Programs that have broken a promise.
    let result = start(place.command(), asked, &found);
    for entry in fs::read_dir(found).into_iter().flatten().flatten() {
        let kept = save.join(entry.file_name());
        fs::create_dir_all(save)
            .and_then(|()| fs::copy(entry.path(), &kept))
            .with_context(|| format!("cannot keep {}", kept.display()))?;
        eprintln!("kept: {}", kept.display());
    }
    result
}

/// What is handed on.
fn options(asked: &Hostile) -> Vec<OsString> {
    let values = [
        ("--time", asked.time.clone()),
        ("--runs", asked.runs.map(|runs| runs.to_string())),
        ("--seed", asked.seed.map(|seed| seed.to_string())),
        ("--jobs", asked.jobs.map(|jobs| jobs.to_string())),
        ("--repeat", asked.repeat.map(|times| times.to_string())),
        ("--steps", asked.steps.clone()),
        ("--open", asked.open.clone()),
        ("--slack", asked.slack.clone()),
    ];
    let mut options: Vec<OsString> = values
        .into_iter()
        .flat_map(|(name, value)| value.map(|value| [name.into(), value.into()]))
        .flatten()
        .collect();
    options.extend(asked.shrink.then(|| "--shrink".into()));
    options
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use super::{User, users};

    #[test]
    fn root_runs_it_as_both_unless_one_is_asked_for() {
        assert_eq!(users(None, true).unwrap(), [User::Own, User::Ordinary]);
        assert_eq!(users(Some("ordinary"), true).unwrap(), [User::Ordinary]);
        assert_eq!(users(Some("root"), true).unwrap(), [User::Own]);
    }

    #[test]
    fn an_ordinary_user_runs_it_alone() {
        assert_eq!(users(None, false).unwrap(), [User::Own]);
        assert!(users(Some("root"), false).unwrap_err().to_string().contains("remedy"));
        assert!(users(Some("nobody"), true).unwrap_err().to_string().contains("remedy"));
    }
}
