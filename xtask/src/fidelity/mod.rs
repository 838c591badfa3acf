//! `cargo xtask fidelity`: what runs in a sandbox as it does outside, and what does not.
//!
//! First the small programs of `crates/zeroboot/tests/fidelity`, all of them; then every module of CPython's own regression
//! tests, each in a sandbox and without one, by the same interpreter as the same kind of user. A case that ends
//! otherwise inside is a failure, unless the list of reasons names a decision of the policy.

#[path = "../../../crates/zeroboot/tests/standard_library/allowed.rs"]
mod allowed;
mod cases;
mod compare;
mod modules;
mod reasons;
mod side;
mod tree;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::flags::Fidelity;
use crate::release;
use crate::venv;
use modules::Totals;
use side::{Python, Side, User};

/// For one module on one side, unless something else is said.
const LIMIT: Duration = Duration::from_secs(300);

/// Runs what was asked for.
pub(crate) fn run(root: &Path, asked: &Fidelity) -> anyhow::Result<ExitCode> {
    let target = target(root)?;
    if asked.interpreters {
        return tree::run(root, &target);
    }
    let program = asked.python.clone().unwrap_or_else(|| PathBuf::from("python3"));
    let user = user(asked.user.as_deref())?;
    let command = match &asked.command {
        Some(path) => fs::canonicalize(path).with_context(|| format!("cannot find {}", path.display()))?,
        None => release::build(root, "zeroboot-cli", "zeroboot")?,
    };
    let place = Place::new(command, root, user)?;
    let python = Python::probe(&program, user)?;
    println!("{} {}", python.executable.display(), python.version);

    let mut succeeded = true;
    if asked.only.is_none() && !asked.modules {
        succeeded &= programs(root, &python, user)?;
    }
    if !asked.programs {
        let side = Side {
            python: &python,
            user,
            command: &place.command,
            cases: &place.cases,
            limit: asked.limit.map_or(LIMIT, Duration::from_secs),
        };
        let part = asked.only.as_ref().map(|_| "-part").unwrap_or_default();
        let report = target.join(format!("fidelity/{}-{}{part}.json", python.version, user.name()));
        let totals = modules::run(&side, asked.only.as_deref(), asked.jobs.unwrap_or(2), &report)?;
        println!("{totals}");
        println!("written to {}", report.display());
        succeeded &= totals.unknown == 0 && totals != Totals::default();
    }
    Ok(if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// As whom it runs: as who has started it, unless root asks for an ordinary user.
fn user(asked: Option<&str>) -> anyhow::Result<User> {
    let is_root = fs::metadata("/proc/self").context("cannot tell who runs this")?.uid() == 0;
    match (asked, is_root) {
        (None | Some("root"), true) => Ok(User::Root),
        (Some("ordinary"), true) => Ok(User::Lent),
        (None | Some("ordinary"), false) => Ok(User::Own),
        (Some("root"), false) => {
            bail!("only root runs it as root\nremedy: start it as root, or say --user ordinary")
        }
        (Some(other), _) => bail!("there is no user {other:?}\nremedy: --user root, or --user ordinary"),
    }
}

fn target(root: &Path) -> anyhow::Result<PathBuf> {
    let metadata = cargo_metadata::MetadataCommand::new().current_dir(root).no_deps().exec();
    Ok(metadata.context("cannot find target")?.target_directory.into_std_path_buf())
}

/// The small programs, which are a test. An ordinary user's run starts as that user.
fn programs(root: &Path, python: &Python, user: User) -> anyhow::Result<bool> {
    if user == User::Lent {
        println!("the programs run as who starts cargo: not here");
        return Ok(true);
    }
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--release", "--package", "zeroboot", "--test", "fidelity"]).current_dir(root);
    cargo.env("ZEROBOOT_FIDELITY", "all").env("ZEROBOOT_FIDELITY_PYTHON", &python.executable);
    match venv::scientific(root) {
        Ok(place) => cargo.env("ZEROBOOT_TEST_VENV", place),
        Err(reason) => {
            eprintln!("SKIP numpy and pandas: {reason:#}");
            cargo.env_remove("ZEROBOOT_TEST_VENV")
        }
    };
    Ok(cargo.status().context("cannot start cargo")?.success())
}

/// The command and the program that runs cases, where the user can read them; gone afterwards if they are copies.
struct Place {
    command: PathBuf,
    cases: PathBuf,
    copies: Option<PathBuf>,
}

impl Place {
    fn new(command: PathBuf, root: &Path, user: User) -> anyhow::Result<Self> {
        let cases = root.join("crates/zeroboot/tests/standard_library/cases.py");
        let User::Lent = user else { return Ok(Self { command, cases, copies: None }) };
        // Neither below /tmp, which is private in a sandbox, nor where only root may look.
        let directory = PathBuf::from(format!("/var/lib/zeroboot-fidelity-{}", std::process::id()));
        let place = Self {
            command: directory.join("zeroboot"),
            cases: directory.join("cases.py"),
            copies: Some(directory),
        };
        let prepare = |directory: &Path| {
            fs::create_dir(directory)?;
            fs::set_permissions(directory, fs::Permissions::from_mode(0o755))?;
            fs::copy(command, &place.command)?;
            fs::copy(cases, &place.cases)?;
            chown(directory, Some(side::ORDINARY), Some(side::ORDINARY))
        };
        let directory = place.copies.iter().next().map_or(Path::new(""), PathBuf::as_path);
        prepare(directory).with_context(|| format!("cannot prepare {}", directory.display()))?;
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(directory) = &self.copies
            && let Err(error) = fs::remove_dir_all(directory)
        {
            eprintln!("{} stays: {error}", directory.display());
        }
    }
}
