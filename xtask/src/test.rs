//! `cargo xtask test`: all tests that this machine can run, counted.
//!
//! What the test programs print goes through as it comes; the counting only listens. Nothing is run twice to see
//! whether it passes the second time.

use std::env;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::thread;

use anyhow::{Context, anyhow};

use crate::venv;

/// With the second, a test can make each step of a sandbox's hardening fail; a build that is used never has it.
const RUNS: [&[&str]; 2] =
    [&["--workspace"], &["--package", "zeroboot-isolation", "--features", "failure-injection"]];

/// Runs the tests whose name contains `filter`, or all.
pub(crate) fn run(root: &Path, filter: Option<&str>) -> anyhow::Result<ExitCode> {
    let mut counts = Counts::default();
    let venv = venv::scientific(root).inspect_err(|reason| {
        eprintln!("SKIP numpy and pandas: {reason:#}");
        counts.skipped += 1;
    });
    let mut complaints = Vec::new();
    for selection in RUNS {
        let mut cargo = Command::new("cargo");
        cargo.args(["test", "--release", "--no-fail-fast"]).args(selection);
        // Without it, libtest keeps what a passing test prints, and so its `SKIP`, to itself.
        cargo.args(["--", "--show-output"]).args(filter).current_dir(root);
        match &venv {
            Ok(place) => cargo.env("ZEROBOOT_TEST_VENV", place),
            Err(_) => cargo.env_remove("ZEROBOOT_TEST_VENV"),
        };
        eprintln!("$ cargo test --release {}", selection.join(" "));
        let status = stream(cargo, &mut counts, io::stdout(), io::stderr())?;
        if !status.success() {
            complaints.push(format!("cargo test {} ended with {status}", selection.join(" ")));
        }
    }
    complaints.extend(counts.complaint(env::var_os("ZEROBOOT_NO_SKIP").is_some_and(|value| value == "1")));
    for complaint in &complaints {
        eprintln!("error: {complaint}");
    }
    println!("{counts}");
    Ok(if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the command with both of its streams passed on and counted.
fn stream(
    mut command: Command,
    counts: &mut Counts,
    out: impl Write,
    err: impl Write + Send,
) -> anyhow::Result<ExitStatus> {
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("cannot start cargo")?;
    let stdout = child.stdout.take().context("standard output is piped")?;
    let stderr = child.stderr.take().context("standard error is piped")?;
    thread::scope(|scope| {
        let errors = scope.spawn(|| pass_on(stderr, err));
        counts.add(pass_on(stdout, out)?);
        counts.add(errors.join().map_err(|_| anyhow!("the thread that passes standard error on panicked"))??);
        child.wait().context("cannot wait for cargo")
    })
}

/// Writes each piece as soon as it is read, and counts the lines.
fn pass_on(mut from: impl Read, mut to: impl Write) -> anyhow::Result<Counts> {
    let (mut counts, mut line, mut piece) = (Counts::default(), Vec::new(), [0; 8192]);
    loop {
        let length = from.read(&mut piece).context("cannot read what cargo prints")?;
        to.write_all(&piece[..length])
            .and_then(|()| to.flush())
            .context("cannot pass on what cargo prints")?;
        for byte in &piece[..length] {
            if *byte == b'\n' {
                counts.line(&String::from_utf8_lossy(&line));
                line.clear();
            } else {
                line.push(*byte);
            }
        }
        if length == 0 {
            counts.line(&String::from_utf8_lossy(&line));
            return Ok(counts);
        }
    }
}

/// How many tests passed, failed and did not run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Counts {
    /// Looks for the result of a test program (libtest's words, which libtest-mimic speaks too) and for skips.
    fn line(&mut self, line: &str) {
        let line = line.trim();
        if line.starts_with("SKIP ") {
            self.skipped += 1;
        } else if let Some(result) = line.strip_prefix("test result: ") {
            self.passed += number_before(result, "passed");
            self.failed += number_before(result, "failed");
            self.skipped += number_before(result, "ignored");
        }
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// What cargo's own status does not say.
    fn complaint(&self, skips_are_failures: bool) -> Option<String> {
        if self.failed > 0 {
            Some(format!("{} failed", self.failed))
        } else if self.passed == 0 {
            Some("no test ran".to_owned())
        } else if skips_are_failures && self.skipped > 0 {
            Some(format!("{} skipped, and ZEROBOOT_NO_SKIP is set", self.skipped))
        } else {
            None
        }
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// The 3 of `ok. 3 passed; 0 failed`.
fn number_before(result: &str, word: &str) -> usize {
    let words: Vec<_> = result.split([' ', ';']).collect();
    let at = words.iter().position(|each| *each == word);
    at.and_then(|at| words.get(at.checked_sub(1)?)?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use std::process::Command;

    use super::{Counts, pass_on, stream};

    const OUTPUT: &str = "\
running 3 tests
test a ... ok
test SKIP is not at the beginning ... ok
test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.00s
  SKIP huge pages: the kernel has none
SKIPPED is another word
test result: FAILED. 12 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s";

    #[test]
    fn results_and_skips_are_counted() {
        let mut passed_on = Vec::new();
        let counts = pass_on(OUTPUT.as_bytes(), &mut passed_on).unwrap();
        assert_eq!(counts, Counts { passed: 15, failed: 2, skipped: 2 });
        assert_eq!(counts.to_string(), "15 passed, 2 failed, 2 skipped");
        assert_eq!(passed_on, OUTPUT.as_bytes());
    }

    #[test]
    fn both_streams_and_the_status_are_heard() {
        let mut command = Command::new("sh");
        let script = "echo 'SKIP one' >&2; echo 'test result: ok. 1 passed; 0 failed; 0 ignored'; exit 3";
        command.args(["-c", script]);
        let (mut counts, mut out, mut err) = (Counts::default(), Vec::new(), Vec::new());
        assert_eq!(stream(command, &mut counts, &mut out, &mut err).unwrap().code(), Some(3));
        assert_eq!(counts, Counts { passed: 1, failed: 0, skipped: 1 });
        assert_eq!(out, b"test result: ok. 1 passed; 0 failed; 0 ignored\n");
        assert_eq!(err, b"SKIP one\n");
    }

    #[test]
    fn skips_fail_only_where_asked() {
        let counts = Counts { passed: 1, failed: 0, skipped: 1 };
        assert_eq!(counts.complaint(false), None);
        assert!(counts.complaint(true).is_some());
    }

    #[test]
    fn a_failure_and_an_empty_run_are_failures() {
        assert!(Counts { passed: 1, failed: 1, skipped: 0 }.complaint(false).is_some());
        assert!(Counts::default().complaint(false).is_some());
    }
}
