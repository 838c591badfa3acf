//! One module's cases on one side: in a sandbox, or without one.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use super::cases::{self, Ran};

/// Runs a script without a sandbox as the same kind of user; see there.
const OUTSIDE: &str = include_str!("../../../crates/zeroboot/tests/fidelity/outside.sh");

/// The ordinary user, where root asks for one.
pub(super) const ORDINARY: u32 = 1001;

/// As whom sandboxes run where the host is root.
const SANDBOXED: &str = "10001";

/// Limits that no test is meant to meet: they are the policy's, and other tests are about them.
const WIDE: [&str; 8] = ["--network", "loopback", "--tmp", "1G", "--pids", "512", "--output", "256M"];

/// As whom it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum User {
    Root,
    /// The ordinary user that has started this.
    Own,
    /// An ordinary user, started by root.
    Lent,
}

impl User {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Own | Self::Lent => "ordinary",
        }
    }

    /// A command of this user's.
    fn command(self, program: &str) -> Command {
        match self {
            Self::Root | Self::Own => Command::new(program),
            Self::Lent => {
                let id = ORDINARY.to_string();
                let mut command = Command::new("setpriv");
                command.args(["--reuid", &id, "--regid", &id, "--clear-groups", "--inh-caps=-all", program]);
                command.env("HOME", "/nonexistent").current_dir("/");
                command
            }
        }
    }
}

/// An interpreter.
#[derive(Debug)]
pub(super) struct Python {
    pub(super) executable: PathBuf,
    pub(super) version: String,
    /// Where it lives, with colons between.
    directories: String,
}

impl Python {
    pub(super) fn probe(program: &Path, user: User) -> anyhow::Result<Self> {
        let about = "import platform, sys; print(sys.executable, platform.python_version(), \
            ':'.join({sys.prefix, sys.base_prefix}), sep='\\n')";
        let mut command = user.command(&program.to_string_lossy());
        let output = command.args(["-I", "-c", about]).output();
        let output = output.with_context(|| format!("cannot start {}", program.display()))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let [executable, version, directories] = said.lines().collect::<Vec<_>>()[..] else {
            let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            bail!(
                "{} does not work: {why}\nremedy: name an interpreter that this user can read (--python PATH)",
                program.display()
            );
        };
        Ok(Self {
            executable: executable.into(),
            version: version.to_owned(),
            directories: directories.to_owned(),
        })
    }

    /// The modules of its own tests.
    pub(super) fn modules(&self) -> anyhow::Result<Vec<String>> {
        let output = Command::new(&self.executable)
            .args(["-m", "test", "--list-tests"])
            .stderr(Stdio::null())
            .output()
            .context("cannot list the tests")?;
        let listed = String::from_utf8_lossy(&output.stdout);
        // Newer versions write the package as well.
        let names = listed.lines().map(|line| line.strip_prefix("test.").unwrap_or(line));
        let names: Vec<_> =
            names.filter(|name| name.starts_with("test_")).map(|name| format!("test.{name}")).collect();
        if names.is_empty() {
            bail!(
                "{} comes without the standard library's tests\nremedy: name another (--python PATH)",
                self.executable.display()
            );
        }
        Ok(names)
    }
}

/// What both sides need.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) python: &'a Python,
    pub(super) user: User,
    pub(super) command: &'a Path,
    pub(super) cases: &'a Path,
    pub(super) limit: Duration,
}

impl Side<'_> {
    /// In a sandbox.
    pub(super) fn inside(&self, names: &[String]) -> anyhow::Result<Ran> {
        let mut command = self.user.command(&self.command.to_string_lossy());
        command.args(["run", "--quiet", "--python"]).arg(&self.python.executable).args(WIDE);
        command.arg(format!("--timeout={}s", self.limit.as_secs()));
        command.arg(self.cases).args(["0", "1"]).args(names);
        ran(command)
    }

    /// Without one.
    pub(super) fn outside(&self, names: &[String]) -> anyhow::Result<Ran> {
        let mut command = self.user.command("timeout");
        command.args(["--signal=KILL", &self.limit.as_secs().to_string(), "setsid"]);
        command.args(["unshare", "--mount", "--propagation", "private"]);
        if self.user != User::Root {
            command.args(["--user", "--map-current-user", "--keep-caps"]);
        }
        command.args(["sh", "-c", OUTSIDE, "outside"]);
        command.arg(if self.user == User::Root { SANDBOXED } else { "" });
        command.arg(&self.python.directories).arg(self.cases).arg("cases.py");
        command.arg(&self.python.executable).args(["cases.py", "0", "1"]).args(names);
        ran(command)
    }
}

fn ran(mut command: Command) -> anyhow::Result<Ran> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let mut ran = cases::read(&String::from_utf8_lossy(&output.stdout));
    if ran.broke_off.is_some() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim().lines().last().unwrap_or_default().to_owned();
        ran.broke_off = ran.broke_off.map(|at| format!("{at} ({}) {said}", ended(output.status)));
    }
    Ok(ran)
}

fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(124 | 137), _) | (None, Some(9)) => "past its time".to_owned(),
        _ => status.to_string(),
    }
}
