//! More hosts: processes of this program that hold a pool each, where one process may not open as much as all need.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, bail, ensure};

use super::population::{Ahead, fill};

/// What a host says when its template serves.
const READY: &str = "ready\n";

/// A process with a pool. It ends with its handle, and all of its sandboxes with it.
#[derive(Debug)]
pub(crate) struct Host {
    process: Child,
    pub(crate) size: usize,
    word: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Host {
    /// Starts one; its template serves when this returns, and nothing is parked.
    pub(crate) fn start(size: usize) -> anyhow::Result<Self> {
        let program = env::current_exe().context("cannot find this program")?;
        let mut command = Command::new(program);
        command.args(["--hold", &size.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().context("cannot start another host")?;
        let (Some(word), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            bail!("another host has no pipes")
        };
        let mut host = Self { process, size, word: Some(word), answers: BufReader::new(answers) };
        ensure!(host.hear()? == READY, "another host has no template");
        Ok(host)
    }

    /// Has it fill its pool; how many are parked then, and why not all.
    pub(crate) fn fill(&mut self) -> anyhow::Result<(usize, Option<String>)> {
        let word = self.word.as_mut().context("a host that is told to end already")?;
        word.write_all(b"\n").context("cannot talk to another host")?;
        let heard = self.hear()?;
        let (parked, reason) = heard.trim().split_once(':').context("another host has ended")?;
        let parked = parked.parse().context("another host does not count")?;
        Ok((parked, (!reason.is_empty()).then(|| reason.to_owned())))
    }

    fn hear(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line).context("cannot hear another host")?;
        Ok(line)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // The end of its standard input ends it; how, changes no figure.
        drop(self.word.take());
        let _ = self.process.wait();
    }
}

/// The life of such a process.
pub(crate) fn hold(size: usize) -> anyhow::Result<()> {
    let template = super::template()?;
    let (mut input, mut output) = (BufReader::new(io::stdin()), io::stdout());
    output.write_all(READY.as_bytes()).and_then(|()| output.flush())?;
    if input.read_line(&mut String::new())? == 0 {
        return Ok(());
    }
    let (pool, filled) = fill(&template, size, Ahead::Nothing)?;
    let reason = filled.ended.unwrap_or_default().replace('\n', " ");
    writeln!(output, "{}:{reason}", filled.parked).and_then(|()| output.flush())?;
    input.read_to_end(&mut Vec::new())?;
    drop(pool);
    Ok(())
}
