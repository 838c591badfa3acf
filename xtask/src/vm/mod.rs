//! `cargo xtask vm`: the tests under a second kernel, Debian's 6.1 with unified cgroup v2, in an emulated machine.
//!
//! One kernel proves little: this one lacks what newer ones have, and so the fallbacks run. The machine boots on the
//! host's own file tree, so the test programs are built here and only run there. It is 10 to 20 times slower than the
//! host: it tells whether something works, never how fast.
//!
//! Never here: KVM, a network in the machine, a package or a kernel that is installed without a word.

mod kernel;
mod machine;
mod packages;
mod programs;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use self::machine::Machine;
use crate::output::Counts;
use crate::test::skips_are_failures;
use crate::venv;

/// Each machine's; all tests take about a third of it on two slow processors.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Whom the tests run as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum User {
    Root,
    Ordinary,
}

impl User {
    fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Ordinary => "ordinary",
        }
    }

    /// Those that are asked for; all if nobody is named.
    fn asked(name: Option<&str>) -> anyhow::Result<Vec<Self>> {
        match name {
            None => Ok(vec![Self::Root, Self::Ordinary]),
            Some("root") => Ok(vec![Self::Root]),
            Some("ordinary") => Ok(vec![Self::Ordinary]),
            Some(other) => bail!("there is no user {other:?}\nremedy: --user root, or --user ordinary"),
        }
    }
}

/// Runs the tests whose name contains `filter`, or all, in a machine for each user.
pub(crate) fn run(root: &Path, filter: Option<&str>, user: Option<&str>) -> anyhow::Result<ExitCode> {
    let users = User::asked(user)?;
    if std::env::consts::ARCH != "x86_64" {
        bail!("the machine is emulated on x86-64 only\nremedy: use such a host");
    }
    let machine = machine(root)?;
    let programs = programs::build(root)?;
    // Without the first, libtest keeps what a passing test prints, and so its `SKIP`, to itself.
    let mut arguments = vec!["--show-output".to_owned()];
    arguments
        .extend(programs::LEFT_OUT.iter().flat_map(|(name, _)| ["--skip".to_owned(), (*name).to_owned()]));
    arguments.extend(filter.map(str::to_owned));

    let (mut counts, mut complaints) = (Counts::default(), Vec::new());
    for user in users {
        eprintln!("booting {} for the user {}: half a minute", machine.kernel.display(), user.name());
        let (mut own, begun) = (Counts::default(), Instant::now());
        match machine.run(user, &programs, &arguments, &mut own) {
            Ok(found) => {
                complaints.extend(found.into_iter().map(|found| format!("{}: {found}", user.name())))
            }
            Err(error) => complaints.push(format!("{}: {error:#}", user.name())),
        }
        complaints.extend(own.complaint(skips_are_failures()).map(|what| format!("{}: {what}", user.name())));
        eprintln!("{}: {own}, in {} s", user.name(), begun.elapsed().as_secs());
        counts.add(own);
    }
    programs::print_left_out();
    for complaint in &complaints {
        eprintln!("error: {complaint}");
    }
    println!("{counts}");
    Ok(if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Comes by all that a machine is made of; at the second time nothing is fetched.
fn machine(root: &Path) -> anyhow::Result<Machine> {
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
        ordinary: if owner == 0 { 1000 } else { owner },
        limit: LIMIT,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use super::User;

    #[test]
    fn both_users_unless_one_is_asked_for() {
        assert_eq!(User::asked(None).unwrap(), [User::Root, User::Ordinary]);
        assert_eq!(User::asked(Some("ordinary")).unwrap(), [User::Ordinary]);
        assert!(User::asked(Some("nobody")).unwrap_err().to_string().contains("remedy"));
    }
}
