//! The library `sandlock`: a warm process that has it loaded, and runs the job when it is asked.
//!
//! It is called from Python, so its own start is none of the job's time. It makes no namespaces. Its forks of a warm
//! process give no result back, so each job starts an interpreter.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, ensure};

use crate::process::{JOB, RESULT, await_readable};

pub(super) const NAME: &str = "sandlock";
pub(super) const CALL: &str = "Sandbox(fs_readable=['/']).run([PYTHON, '-I', '-S', '-c', 'print(1+1)'])";
pub(super) const INSTALL: &str =
    "python3 -m venv target/venvs/peers && target/venvs/peers/bin/pip install sandlock";

/// Says its version, then for each line of standard input runs the job and passes its result on.
const SERVER: &str = "
import sys
from importlib.metadata import version
from sandlock import Sandbox
print(version('sandlock'), flush=True)
for _ in sys.stdin:
    done = Sandbox(fs_readable=['/']).run(sys.argv[1:])
    sys.stdout.buffer.write(done.stdout if done.success else str(done.error).encode() + b'\\n')
    sys.stdout.buffer.flush()
";

/// The process; it ends with this handle.
#[derive(Debug)]
pub(super) struct Sandlock {
    process: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
    version: String,
}

impl Sandlock {
    /// `Ok(None)`: the library is not where it is looked for.
    pub(super) fn start(interpreter: &Path) -> anyhow::Result<Option<Self>> {
        let python = environment().join("bin/python3");
        if !imports(&python) {
            return Ok(None);
        }
        let mut process = Command::new(python)
            .args(["-I", "-c", SERVER])
            .arg(interpreter)
            .args(["-I", "-S", "-c", JOB])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let asks = process.stdin.take().context("its standard input")?;
        let answers = BufReader::new(process.stdout.take().context("its standard output")?);
        let mut started = Self { process, asks, answers, version: String::new() };
        started.version = started.line()?.trim().to_owned();
        Ok(Some(started))
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// One job, to its result; it has ended by then.
    pub(super) fn run(&mut self) -> anyhow::Result<()> {
        self.asks.write_all(b"\n")?;
        let result = self.line()?;
        ensure!(result.as_bytes() == RESULT, "it gave {result:?}");
        Ok(())
    }

    fn line(&mut self) -> anyhow::Result<String> {
        await_readable(self.answers.get_ref())?;
        let mut line = String::new();
        self.answers.by_ref().take(4096).read_line(&mut line)?;
        ensure!(!line.is_empty(), "it has ended");
        Ok(line)
    }
}

impl Drop for Sandlock {
    fn drop(&mut self) {
        // Its work is over; how it ends changes no figure.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn environment() -> PathBuf {
    crate::root().join("target/venvs/peers")
}

fn imports(python: &Path) -> bool {
    let mut asked = Command::new(python);
    asked.args(["-I", "-c", "import sandlock"]).env_clear().stdin(Stdio::piped());
    asked.output().is_ok_and(|said| said.status.success())
}
