//! `cargo xtask vm`: the tests under a second kernel, Debian's 6.1 with unified cgroup v2, in an emulated machine.
//!
//! One kernel proves little: this one lacks what newer ones have, and so the fallbacks run. The machine boots on the
//! host's own file tree, so the test programs are built here and only run there. It is 10 to 20 times slower than the
//! host: it tells whether something works, never how fast.
//!
//! Never here: KVM, a network in the machine, a package or a kernel that is installed without a word.

mod brief;
mod jobs;
mod kernel;
mod machine;
mod packages;
mod programs;
mod tally;

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use self::jobs::{Job, User};
use self::machine::Machine;
use self::tally::Tally;
use crate::attack;
use crate::test::skips_are_failures;
use crate::venv;

/// What the attack suite is called among the programs.
const ATTACKS: &str = "attacks";

/// What runs in the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Selection<'a> {
    /// All tests and all attacks.
    Complete,
    /// What says most about a kernel, in some minutes.
    Brief,
    /// The tests whose name contains this.
    Tests(&'a str),
    /// The attacks whose group and name contain this.
    Attacks(&'a str),
}

impl Selection<'_> {
    /// A machine that takes longer hangs: several times what it took on two slow processors.
    const fn limit(self) -> Duration {
        match self {
            Self::Brief => Duration::from_secs(20 * 60),
            Self::Complete | Self::Tests(_) | Self::Attacks(_) => Duration::from_secs(2 * 60 * 60),
        }
    }

    fn jobs(self, root: &Path) -> anyhow::Result<Vec<Job>> {
        let tests = |filter| -> anyhow::Result<Vec<Job>> {
            Ok(programs::build(root)?.iter().map(|program| program.job(filter)).collect())
        };
        match self {
            Self::Complete => Ok(tests(None)?.into_iter().chain([attacks(root, &[])?]).collect()),
            Self::Brief => brief::jobs(root),
            Self::Tests(filter) => tests(Some(filter)),
            Self::Attacks(pattern) => Ok(vec![attacks(root, &[pattern])?]),
        }
    }
}

/// Runs the selection as each user who is asked for, one after the other in one machine.
pub(crate) fn run(root: &Path, selection: Selection<'_>, user: Option<&str>) -> anyhow::Result<ExitCode> {
    let users = User::asked(user)?;
    if env::consts::ARCH != "x86_64" {
        bail!("the machine is emulated on x86-64 only\nremedy: use such a host");
    }
    let machine = machine(root, selection.limit())?;
    let jobs = selection.jobs(root)?;
    eprintln!("booting {}: half a minute", machine.kernel.display());
    let (mut tally, begun) = (Tally::default(), Instant::now());
    let mut complaints =
        machine.run(&users, &jobs, &mut tally).unwrap_or_else(|error| vec![format!("{error:#}")]);
    complaints.extend(tally.complaints(skips_are_failures()));
    match selection {
        Selection::Complete => programs::print_left_out(),
        Selection::Brief => eprintln!("left out: all but a choice; `cargo xtask vm` runs everything"),
        Selection::Tests(_) | Selection::Attacks(_) => {}
    }
    let release =
        machine.kernel.file_name().unwrap_or_default().to_string_lossy().replace("vmlinuz-", "Linux ");
    for complaint in &complaints {
        eprintln!("error: {release}, {complaint}");
    }
    for sum in tally.sums() {
        println!("{release}, {sum}");
    }
    println!("{release}: {} s from its boot to its end", begun.elapsed().as_secs());
    Ok(if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The attack suite against the command, by a copy of this very program: it starts the suite where it runs itself, and
/// is not replaced when somebody builds meanwhile.
fn attacks(root: &Path, patterns: &[&str]) -> anyhow::Result<Job> {
    /// For all attacks; they take about a third of it on two slow processors.
    const LIMIT: Duration = Duration::from_secs(60 * 60);
    let target = attack::build(root)?;
    let target = target.to_str().context("the project's path is not UTF-8")?;
    let program = root.join("target/vm/xtask");
    let own = env::current_exe().context("this program has no file")?;
    fs::copy(&own, &program)
        .with_context(|| format!("cannot copy {} to {}", own.display(), program.display()))?;
    let arguments = ["attack-built", target].into_iter().chain(patterns.iter().copied()).map(str::to_owned);
    Ok(Job {
        name: ATTACKS.to_owned(),
        directory: root.to_owned(),
        program,
        arguments: arguments.collect(),
        limit: LIMIT,
    })
}

/// Comes by all that a machine is made of; at the second time nothing is fetched.
fn machine(root: &Path, limit: Duration) -> anyhow::Result<Machine> {
    let place = root.join("target/vm");
    fs::create_dir_all(&place).with_context(|| format!("cannot make {}", place.display()))?;
    packages::install()?;
    let venv = venv::machine(root)
        .context("there is no virtme-ng\nremedy: see that a python3 on PATH can make an environment")?;
    let owner = fs::metadata(root).with_context(|| format!("cannot read {}", root.display()))?.uid();
    Ok(Machine {
        venv,
        kernel: kernel::image(&place)?,
        share: place.join("share"),
        scratch: root.join("target/tmp"),
        ordinary: if owner == 0 { 1000 } else { owner },
        limit,
    })
}
