//! Listening to test programs: what they print goes through as it comes, and is counted on the way.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, anyhow};

/// Starts the command with both of its streams piped, for [`listen`].
pub(crate) fn start(command: &mut Command) -> anyhow::Result<Child> {
    let name = command.get_program().to_string_lossy().into_owned();
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {name}"))
}

/// Passes both streams on and tells each line of them, until the command has ended.
pub(crate) fn listen(
    mut child: Child,
    hear: impl FnMut(&str) + Send,
    out: impl Write,
    err: impl Write + Send,
) -> anyhow::Result<ExitStatus> {
    let stdout = child.stdout.take().context("standard output is piped")?;
    let stderr = child.stderr.take().context("standard error is piped")?;
    let hear = Mutex::new(hear);
    let hear = |line: &str| (hear.lock().unwrap_or_else(PoisonError::into_inner))(line);
    thread::scope(|scope| {
        let errors = scope.spawn(|| pass_on(stderr, hear, err));
        pass_on(stdout, hear, out)?;
        errors.join().map_err(|_| anyhow!("the thread that passes standard error on panicked"))??;
        child.wait().context("cannot wait for the tests")
    })
}

/// Writes each piece as soon as it is read, and tells the lines.
fn pass_on(mut from: impl Read, mut hear: impl FnMut(&str), mut to: impl Write) -> anyhow::Result<()> {
    let (mut line, mut piece) = (Vec::new(), [0; 8192]);
    loop {
        let length = from.read(&mut piece).context("cannot read what the tests print")?;
        to.write_all(&piece[..length])
            .and_then(|()| to.flush())
            .context("cannot pass on what the tests print")?;
        for byte in &piece[..length] {
            if *byte == b'\n' {
                hear(&String::from_utf8_lossy(&line));
                line.clear();
            } else {
                line.push(*byte);
            }
        }
        if length == 0 {
            hear(&String::from_utf8_lossy(&line));
            return Ok(());
        }
    }
}

/// How many tests passed, failed and did not run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Counts {
    /// Looks for the result of a test program (libtest's words, which libtest-mimic speaks too) and for skips.
    pub(crate) fn line(&mut self, line: &str) {
        let line = line.trim();
        if line.starts_with("SKIP ") {
            self.skipped += 1;
        } else if let Some(result) = line.strip_prefix("test result: ") {
            self.passed += number_before(result, "passed");
            self.failed += number_before(result, "failed");
            self.skipped += number_before(result, "ignored");
        }
    }

    /// What exit statuses do not say.
    pub(crate) fn complaint(&self, skips_are_failures: bool) -> Option<String> {
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
pub(crate) fn number_before(result: &str, word: &str) -> usize {
    let words: Vec<_> = result.split([' ', ';', ',']).collect();
    let at = words.iter().position(|each| *each == word);
    at.and_then(|at| words.get(at.checked_sub(1)?)?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use std::process::Command;

    use super::{Counts, listen, pass_on, start};

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
        let (mut counts, mut passed_on) = (Counts::default(), Vec::new());
        pass_on(OUTPUT.as_bytes(), |line| counts.line(line), &mut passed_on).unwrap();
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
        let child = start(&mut command).unwrap();
        let status = listen(child, |line| counts.line(line), &mut out, &mut err).unwrap();
        assert_eq!(status.code(), Some(3));
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
