//! One run of a hostile program, honest siblings beside it, and what is wrong with what came of them.

use std::io::{PipeWriter, Read as _};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use zeroboot::{Bytes, Input, MemoryAccount, Outcome, Output, Request, RunError, Status};

use crate::chance::Chance;
use crate::findings::{Finding, Kind};
use crate::place::Place;
use crate::program::{Account, InputKind, OutputKind, Program, Way};
use crate::watchdog::Watchdog;

/// How long an honest run may take: it needs some milliseconds.
const SIBLING: Duration = Duration::from_secs(20);

/// Honest runs beside a hostile one, at most.
const SIBLINGS: u64 = 3;

/// What CPU time the kernel's own accounting may lose.
const LOST: f64 = 0.9;

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Trial {
    /// How it ended, in a word or two.
    pub(crate) ended: String,
    /// How long after its deadline the call came back, if it was that late.
    pub(crate) overrun: Duration,
    pub(crate) siblings: u64,
    pub(crate) findings: Vec<Finding>,
}

/// Runs it to its end. `slack` is how long after the deadline the call may come back.
pub(crate) fn run(place: &Place, program: &Program, watchdog: &Watchdog, slack: Duration) -> Trial {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let beside = scope.spawn(|| siblings(place, program.seed, &over));
        let awaited = watchdog.expect(program.seed, program.setting.deadline + slack);
        let begun = Instant::now();
        let (result, read) = hostile(place, program);
        let took = begun.elapsed();
        drop(awaited);
        over.store(true, Ordering::Relaxed);
        let ended = match &result {
            Ok(Outcome { status: Status::Exited(1..), .. }) => "exited with another".to_owned(),
            Ok(Outcome { status: Status::Signaled(32..), .. }) => "ended by one without a name".to_owned(),
            Ok(outcome) => outcome.status.to_string(),
            Err(error) => error.to_string(),
        };
        let mut findings = judge(program, result, &read, took);
        let (siblings, harm) = joined(beside).unwrap_or_else(|| (0, vec![panicked()]));
        findings.extend(harm);
        Trial { ended, overrun: took.saturating_sub(program.setting.deadline), siblings, findings }
    })
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> Option<T> {
    thread.join().ok()
}

fn panicked() -> Finding {
    Finding::new(Kind::Panic, "a thread of the host panicked")
}

/// The run itself, and what was read of its output where it was passed on.
fn hostile(place: &Place, program: &Program) -> (Result<Outcome, RunError>, Vec<u8>) {
    let setting = &program.setting;
    thread::scope(|scope| {
        let mut request = Request::script("hostile.py", program.text())
            .timeout(setting.deadline)
            .output_limit(Bytes::kibi(setting.output_limit_kib))
            .memory_account(match setting.account {
                Account::Nothing => MemoryAccount::Nothing,
                Account::Sums => MemoryAccount::Sums,
                Account::Map => MemoryAccount::Map,
            });
        let (input, _kept_open) = input(setting.input);
        request = request.stdin(input);
        let (output, reader) = output(setting.output);
        request = request.stdout(output);
        let reader = reader.map(|mut pipe| {
            scope.spawn(move || {
                let mut read = Vec::new();
                let _ = pipe.read_to_end(&mut read);
                read
            })
        });
        let (done, until_done) = mpsc::channel::<()>();
        if let Some(after) = setting.cancelled_after
            && let Ok((cancel, ours)) = std::io::pipe()
        {
            request = request.cancelled_by(cancel);
            scope.spawn(move || cancel_after(after, &until_done, ours));
        }
        let result = place.execute(setting.network, setting.way, request);
        drop(done);
        (result, reader.and_then(joined).unwrap_or_default())
    })
}

/// Closes the pipe after this time, or when the run is over.
fn cancel_after(time: Duration, until_done: &mpsc::Receiver<()>, pipe: PipeWriter) {
    if until_done.recv_timeout(time) == Err(RecvTimeoutError::Timeout) {
        drop(pipe);
    }
}

/// Its standard input, and what must be kept for it to stay open.
fn input(kind: InputKind) -> (Input, Option<PipeWriter>) {
    match (kind, std::io::pipe()) {
        (InputKind::Bytes(count), _) => {
            (Input::Bytes(vec![b'i'; usize::try_from(count).unwrap_or_default()]), None)
        }
        (InputKind::Open, Ok((reader, writer))) => (Input::From(reader.into()), Some(writer)),
        (InputKind::Empty | InputKind::Open, _) => (Input::Empty, None),
    }
}

fn output(kind: OutputKind) -> (Output, Option<std::io::PipeReader>) {
    let nowhere = || std::fs::File::options().write(true).open("/dev/null").map(OwnedFd::from);
    match (kind, std::io::pipe()) {
        (OutputKind::Read, Ok((reader, writer))) => (Output::To(writer.into()), Some(reader)),
        (OutputKind::Unread, Ok((_, writer))) => (Output::To(writer.into()), None),
        (OutputKind::Dropped, _) => (nowhere().map_or(Output::Collect, Output::To), None),
        _ => (Output::Collect, None),
    }
}

/// What is wrong with what came of the hostile run.
fn judge(program: &Program, result: Result<Outcome, RunError>, read: &[u8], took: Duration) -> Vec<Finding> {
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(RunError::Cancelled) if program.setting.cancelled_after.is_some() => return Vec::new(),
        Err(error) => return vec![Finding::new(Kind::Error, format!("the run failed: {error:?}"))],
    };
    let (truth, status) = (program.truth(), outcome.status);
    let mut findings = Vec::new();
    if !truth.admits(status) {
        findings.push(Finding::new(
            Kind::End,
            format!("it {status}, and should have: {truth:?}; standard error: {}", outcome.stderr_lossy()),
        ));
    }
    if status == Status::Deadline && took < program.setting.deadline {
        findings.push(Finding::new(Kind::End, format!("its deadline came after {took:?}")));
    }
    let said = if outcome.stdout.is_empty() { read } else { &outcome.stdout };
    let said = String::from_utf8_lossy(said);
    let whole = !matches!(status, Status::Deadline | Status::OutputLimit | Status::MemoryLimit);
    for mark in program.marks().iter().filter(|_| truth.heard && whole) {
        if !said.lines().any(|line| line == mark) {
            findings.push(Finding::new(Kind::Output, format!("`{mark}` was lost of {said:?}")));
        }
    }
    let passed = said.lines().filter_map(|line| line.strip_prefix("through: "));
    findings.extend(passed.map(|what| Finding::new(Kind::Through, format!("{what} is not refused"))));
    if whole {
        findings.extend(account(&outcome, &said));
    }
    findings
}

/// Whether the account has what the program says to have burned.
fn account(outcome: &Outcome, said: &str) -> Option<Finding> {
    let burned: f64 = said
        .lines()
        .filter_map(|line| {
            line.strip_prefix("burned ")?.split_once(": ")?.1.strip_suffix(" ms")?.parse::<f64>().ok()
        })
        .sum();
    let cpu = outcome.account.cpu?;
    let counted = (cpu.user + cpu.system).as_secs_f64() * 1e3;
    (counted < burned * LOST).then(|| {
        Finding::new(
            Kind::Account,
            format!("{burned} ms were burned, and {counted:.1} ms are in the account"),
        )
    })
}

/// Honest runs beside it, one at least: how many, and what harm came to them.
fn siblings(place: &Place, seed: u64, over: &AtomicBool) -> (u64, Vec<Finding>) {
    let mut chance = Chance::new(!seed);
    let mut findings = Vec::new();
    let mut count = 0;
    while count == 0 || (count < SIBLINGS && !over.load(Ordering::Relaxed)) {
        count += 1;
        findings.extend(sibling(place, &mut chance));
    }
    (count, findings)
}

/// An honest run, whose every word is known; what is wrong with it, if something is.
pub(crate) fn sibling(place: &Place, chance: &mut Chance) -> Option<Finding> {
    let (code, word, pause) = (chance.between(0, 120), chance.number(), chance.between(0, 30));
    let network = if chance.once_in(2) { zeroboot::Network::Loopback } else { zeroboot::Network::None };
    let way = if chance.once_in(2) { Way::Pool } else { Way::Template };
    let script = format!(
        "import os, sys, time\n\
         words = sys.stdin.read()\n\
         time.sleep({pause} / 1000)\n\
         others = [name for name in os.listdir('/proc') if name.isdigit() and name not in ('1', str(os.getpid()))]\n\
         print(words, others, os.listdir('/tmp'), os.listdir('/dev/shm'), os.getcwd())\n\
         sys.exit({code})\n"
    );
    let request = Request::code(script).stdin(Input::Bytes(word.to_string().into_bytes())).timeout(SIBLING);
    let wanted = format!("{word} [] [] [] /home/sandbox\n");
    match place.execute(network, way, request) {
        Ok(outcome)
            if outcome.status == Status::Exited(u8::try_from(code).unwrap_or(u8::MAX))
                && outcome.stdout == wanted.as_bytes()
                && outcome.stderr.is_empty() =>
        {
            None
        }
        Ok(outcome) => Some(Finding::new(
            Kind::Sibling,
            format!(
                "an honest run that should exit with {code} and say {wanted:?} {}: {:?} {:?}",
                outcome.status,
                outcome.stdout_lossy(),
                outcome.stderr_lossy()
            ),
        )),
        Err(error) => Some(Finding::new(Kind::Sibling, format!("an honest run failed: {error:?}"))),
    }
}
