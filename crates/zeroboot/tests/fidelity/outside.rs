//! Running a program without a sandbox, by the same interpreter.

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use zeroboot::Interpreter;

use super::program::{Program, Run};

/// See there.
const SCRIPT: &str = include_str!("outside.sh");

/// As whom sandboxes run where the host is root.
const LENT: &str = "10001";

/// Seconds for one program.
const LIMIT: &str = "30";

/// An interpreter and what it needs to be seen.
#[derive(Debug, Clone)]
pub(crate) struct Outside {
    interpreter: Interpreter,
    directories: String,
}

impl Outside {
    /// Asks the interpreter where it lives.
    pub(crate) fn new(interpreter: &Interpreter) -> Result<Self, String> {
        let about = "import sys; print(*{sys.prefix, sys.base_prefix}, sep=':')";
        let answer = Command::new(interpreter.executable()).args(["-I", "-c", about]).output();
        let answer = answer.map_err(|error| error.to_string())?;
        let directories = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        Ok(Self { interpreter: interpreter.clone(), directories })
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, program: &Program) -> Result<Run, String> {
        let failed = |error: std::io::Error| format!("cannot run it outside: {error}");
        let place = std::env::temp_dir().join(format!("fidelity-{}-{}", std::process::id(), program.name));
        fs::write(&place, &program.code).map_err(failed)?;
        let result = self.start(program, &place).map_err(failed);
        // What cannot be removed costs a few kilobytes, and no result.
        let _ = fs::remove_file(&place);
        result
    }

    fn start(&self, program: &Program, place: &Path) -> std::io::Result<Run> {
        let root = nix::unistd::geteuid().is_root();
        let mut command = Command::new("timeout");
        // A session of its own, as a sandbox has.
        command.args(["--signal=KILL", LIMIT, "setsid"]);
        command.args(["unshare", "--mount", "--propagation", "private"]);
        if !root {
            command.args(["--user", "--map-current-user", "--keep-caps"]);
        }
        command.args(["sh", "-c", SCRIPT, "outside", if root { LENT } else { "" }]);
        command.arg(&self.directories).arg(place).arg(program.file());
        command.arg(self.interpreter.executable()).arg(program.file()).args(&program.arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let stdin = child.stdin.take();
        let output = thread::scope(|scope| {
            // A program need not read what it is given.
            scope.spawn(|| stdin.map(|mut pipe| pipe.write_all(&program.stdin)));
            child.wait_with_output()
        })?;
        Ok(Run { status: ended(output.status), stdout: output.stdout, stderr: output.stderr })
    }
}

/// `timeout` ends as its command has ended, by the same signal if it was one.
fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited {code}"),
        (None, signal) => format!("signal {}", signal.unwrap_or_default()),
    }
}
