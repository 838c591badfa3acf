//! The same Python job under other programs that confine one: whichever of them this machine has.
//!
//! | module | does |
//! |---|---|
//! | `known` | who they are, how they are called, how to get them |
//! | `bundle` | the directory that container runtimes start from |
//! | `sandlock` | a warm process that has the library `sandlock` loaded |
//!
//! Each in the least that it needs for namespaces of its own (pid, mount, ipc, network) and a tree that it cannot write.
//! They take turns with our own sandboxes, so that all of them meet the same machine. Never here: a figure of a peer that
//! did not give the result.

mod bundle;
mod known;
mod sandlock;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use zeroboot::Template;

use self::bundle::Bundle;
use self::known::Known;
use self::sandlock::Sandlock;
use super::catalogue::{self, OURSELVES};
use super::figures;
use super::process::{self, Took};
use super::samples::{Samples, Unit};

/// What stands beside the command lines.
pub(crate) const LEGEND: &str = "Each runs the same Python job with what it needs for namespaces of its own (pid, mount, ipc, \
     network) and a tree that it cannot write; they take turns. PYTHON is the interpreter, PREFIX its installation, BUNDLE a \
     directory with a root of mount points and a config.json that asks for these namespaces, a read-only root, a new /proc, \
     and read-only mounts of /usr and PREFIX. The library sandlock makes no namespaces.";

/// A peer, and why there is no figure of it, if there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Peer {
    pub(crate) name: String,
    /// As it says itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    /// As it was called, see [`LEGEND`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) command: Option<String>,
    /// It is not on this machine: how to get it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) absent: Option<String>,
    /// It does not run here: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

/// What came of all of them.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    pub(crate) peers: Vec<Peer>,
    pub(crate) samples: Vec<Samples>,
}

/// One that runs the job.
enum Runner {
    Ourselves(Template),
    Program(Vec<String>),
    Sandlock(Sandlock),
}

struct Contestant {
    peer: Peer,
    runner: Runner,
    result: Samples,
    total: Samples,
}

/// Measures all that are here, each once in a round, for so many rounds or so much time.
pub(crate) fn measure(
    template: &Template,
    rounds: u64,
    time: Duration,
    bar: &ProgressBar,
) -> anyhow::Result<Measured> {
    let interpreter = template.interpreter().context("a Python template")?.executable().canonicalize()?;
    let bundle = Bundle::new(&interpreter)?;
    let (mut contestants, mut peers) = gather(template, &interpreter, &bundle);

    // The first round does not count: it says who can run here.
    for contestant in &mut contestants {
        contestant.run(&bundle);
    }
    let begun = Instant::now();
    for _ in 0..rounds {
        for contestant in &mut contestants {
            if let Some(took) = contestant.run(&bundle) {
                contestant.result.took(took.result);
                contestant.total.took(took.total);
            }
        }
        bar.inc(1);
        if begun.elapsed() > time {
            break;
        }
    }
    let mut samples = Vec::new();
    for Contestant { peer, result, total, .. } in contestants {
        if peer.error.is_none() {
            samples.extend([result, total]);
        }
        peers.push(peer);
    }
    peers.sort_by_key(|peer| names().position(|name| name == peer.name));
    Ok(Measured { peers, samples })
}

/// The names of all, in the order in which they are told.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    [OURSELVES].into_iter().chain(known::ALL.iter().map(|known| known.name)).chain([sandlock::NAME])
}

/// Those that can take turns, ourselves first, and those that cannot.
fn gather(template: &Template, interpreter: &Path, bundle: &Bundle) -> (Vec<Contestant>, Vec<Peer>) {
    let version = Some(env!("CARGO_PKG_VERSION").to_owned());
    let ours = Peer::new(OURSELVES, version, "Template::run, strict, without site");
    let mut contestants = vec![Contestant::new(ours, Runner::Ourselves(template.clone()))];
    let mut others = Vec::new();
    for known in &known::ALL {
        match prepare(known, bundle) {
            Some((peer, runner)) => contestants.push(Contestant::new(peer, runner)),
            None => others.push(Peer::missing(known.name, known.install)),
        }
    }
    match Sandlock::start(interpreter) {
        Ok(Some(runner)) => {
            let peer = Peer::new(sandlock::NAME, Some(runner.version().to_owned()), sandlock::CALL);
            contestants.push(Contestant::new(peer, Runner::Sandlock(runner)));
        }
        Ok(None) => others.push(Peer::missing(sandlock::NAME, sandlock::INSTALL)),
        Err(error) => {
            let peer = Peer::new(sandlock::NAME, None, sandlock::CALL);
            others.push(Peer { error: Some(one_line(&error)), ..peer });
        }
    }
    (contestants, others)
}

/// `None`: it is not here.
fn prepare(known: &Known, bundle: &Bundle) -> Option<(Peer, Runner)> {
    let words = (known.words)(bundle);
    let version = version(&words[0])?;
    let command: Vec<_> = words.iter().map(|word| quoted(&bundle.disguised(word))).collect();
    Some((Peer::new(known.name, Some(version), &command.join(" ")), Runner::Program(words)))
}

/// What a program says when it is asked; `None` when there is no such program.
fn version(program: &str) -> Option<String> {
    let mut asked = Command::new(program);
    let said = asked.arg("--version").env("PATH", process::path()).stdin(Stdio::piped()).output().ok()?;
    let line = String::from_utf8_lossy(&said.stdout).lines().next().unwrap_or_default().trim().to_owned();
    Some(if line.is_empty() { "of unknown version".to_owned() } else { line })
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./:=,".contains(letter);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

fn one_line(error: &anyhow::Error) -> String {
    format!("{error:#}").lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

impl Runner {
    fn run(&mut self, bundle: &Bundle) -> anyhow::Result<Took> {
        match self {
            Self::Ourselves(template) => figures::sandbox(template),
            Self::Program(words) => {
                let took = process::run(Command::new(&words[0]).args(&words[1..]));
                if took.is_err() {
                    bundle.clear();
                }
                took
            }
            Self::Sandlock(sandlock) => {
                let begun = Instant::now();
                sandlock.run()?;
                let total = begun.elapsed();
                Ok(Took { result: total, total })
            }
        }
    }
}

impl Contestant {
    fn new(peer: Peer, runner: Runner) -> Self {
        let result = Samples::new(catalogue::peer(&peer.name), Unit::Us);
        let total = Samples::new(catalogue::peer_total(&peer.name), Unit::Us);
        Self { peer, runner, result, total }
    }

    /// One job. Whoever has failed once does not run again.
    fn run(&mut self, bundle: &Bundle) -> Option<Took> {
        if self.peer.error.is_some() {
            return None;
        }
        let took = self.runner.run(bundle);
        self.peer.error = took.as_ref().err().map(one_line);
        took.ok()
    }
}

impl Peer {
    fn new(name: &str, version: Option<String>, command: &str) -> Self {
        let command = Some(command.to_owned());
        Self { name: name.to_owned(), version, command, absent: None, error: None }
    }

    fn missing(name: &str, install: &str) -> Self {
        let absent = Some(install.to_owned());
        Self { name: name.to_owned(), version: None, command: None, absent, error: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_a_shell() {
        assert_eq!(quoted("--ro-bind"), "--ro-bind");
        assert_eq!(quoted("print(1+1)"), "'print(1+1)'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn a_program_that_is_not_here_has_no_version() {
        assert_eq!(version("no-such-program"), None);
        assert!(version("true").is_some());
    }

    #[test]
    fn an_error_is_one_line() {
        assert_eq!(one_line(&anyhow::anyhow!("two\n  lines").context("why")), "why: two lines");
    }

    #[test]
    fn a_peer_without_figure_says_why() {
        let json = serde_json::to_value(Peer::missing("some", "apt-get install some")).unwrap_or_default();
        assert_eq!(json, serde_json::json!({"name": "some", "absent": "apt-get install some"}));
    }
}
