//! Waiting for one run: its streams, its words, its deadline, its end. On the caller's own thread.

use std::io::PipeReader;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tracing::debug_span;
use zeroboot_fork::{Exit, ExitStatus, Usage};
use zeroboot_isolation::cgroup::CpuTime;
use zeroboot_telemetry::{Cpu, Faults, Kib};

use super::collect::Collection;
use super::error::RunError;
use super::limit::LimitMet;
use super::live::{Kill, Live};
use super::metrics::Ending;
use super::outcome::{Account, Outcome, Status};
use super::pump::{FromSandbox, IntoSandbox, Moved};
use super::request::Request;
use super::sandbox::Sandbox;
use super::storm::{Lookout, News};
use crate::protocol::{Emptied, Hint};

/// How long the init of a sandbox may take to end it, before the kernel does.
const ORDERLY: Duration = Duration::from_secs(1);

/// How long a killed sandbox may take to go.
const AT_ONCE: Duration = Duration::from_secs(10);

struct Run {
    live: Live,
    stdin: IntoSandbox,
    stdout: FromSandbox,
    stderr: FromSandbox,
    /// What may still come, in bytes.
    left: u64,
    /// Why it was killed, if it was.
    killed: Option<Status>,
    /// How it was killed last.
    how: Kill,
    cancel: Option<PipeReader>,
    deadline: Instant,
    /// When it is asked to end.
    asked: Option<Instant>,
    collection: Option<Collection>,
    storms: Lookout,
}

/// Sees a sandbox with its job to its end.
pub(super) fn drive(sandbox: Sandbox, request: Request) -> Result<Outcome, RunError> {
    let _span = debug_span!("run").entered();
    let collection = request.collect.map(|(path, limits)| Collection::open(path, limits)).transpose()?;
    let pass = |stream| move |source| RunError::Pass { stream, source };
    let deadline = Instant::now() + request.timeout;
    let mut run = Run {
        storms: Lookout::begin(&sandbox.live),
        live: sandbox.live,
        stdin: IntoSandbox::new(sandbox.stdin, request.stdin),
        stdout: FromSandbox::new(sandbox.stdout, request.stdout).map_err(pass("standard output"))?,
        stderr: FromSandbox::new(sandbox.stderr, request.stderr).map_err(pass("standard error"))?,
        left: request.output_limit.0,
        killed: None,
        how: Kill::Orderly,
        cancel: request.cancel,
        deadline,
        asked: (!request.grace.is_zero()).then(|| deadline.checked_sub(request.grace).unwrap_or(deadline)),
        collection,
    };
    run.live.memory_account = request.memory_account;
    while !run.is_over() {
        run.wait_and_step()?;
    }
    run.outcome()
}

impl Run {
    /// Everything is gone, and everything it wrote is passed on; what a killed one wrote is not waited for. Only the report says
    /// that everything is gone: whatever else a sandbox could keep open, or has sent somewhere, counts for nothing.
    fn is_over(&self) -> bool {
        let streams = [&self.stdout, &self.stderr];
        let passed = |stream: &FromSandbox| {
            stream.waits_for().is_none() || (self.killed == Some(Status::Deadline) && stream.is_held_up())
        };
        self.live.report.is_none() && streams.into_iter().all(passed)
    }

    fn wait_and_step(&mut self) -> Result<(), RunError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        // What is gone has met its deadline; only its last words are on their way to a slow reader of the host's own.
        let gone = self.live.report.is_none() && self.live.exit.is_some();
        if left.is_zero() && !gone {
            return self.deadline_is_over();
        }

        let left = self.ask_if_due().map_or(left, |due| due.min(left));

        self.storms.look_if_due(&mut self.live);
        let sources = [
            self.live.report.as_ref().map(|report| PollFd::new(report.as_fd(), PollFlags::POLLIN)),
            self.live.channel_waits_for(),
            self.stdin.waits_for(),
            self.stdout.waits_for(),
            self.stderr.waits_for(),
            self.cancel.as_ref().map(|cancel| PollFd::new(cancel.as_fd(), PollFlags::POLLIN)),
            self.storms.waits_for(),
        ];
        let present = sources.each_ref().map(Option::is_some);
        let mut polled: Vec<PollFd<'_>> = sources.into_iter().flatten().collect();
        let left = self.storms.due().map_or(left, |due| due.min(left));
        let at_its_last = |stream: &FromSandbox| stream.is_at_its_last();
        let timeout = if [&self.stdout, &self.stderr].into_iter().any(at_its_last) {
            PollTimeout::ZERO
        } else if gone {
            PollTimeout::NONE
        } else {
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        };
        match poll(&mut polled, timeout) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(()),
            Err(errno) => return Err(RunError::Wait(errno)),
        }
        let mut answers = polled.iter().map(|source| source.any() == Some(true));
        let [report, channel, stdin, stdout, stderr, cancelled, storm] =
            present.map(|is| is && answers.next() == Some(true));

        if cancelled {
            // With its report everything of it goes.
            self.live.ends_as(Ending::Cancelled);
            return Err(RunError::Cancelled);
        }
        if storm && self.storms.hear(&self.live) == News::Deadly && self.killed.is_none() {
            self.kill(Status::Storm);
        }
        if stdin {
            self.stdin.step().map_err(|source| RunError::Pass { stream: "standard input", source })?;
        }
        if stdout || self.stdout.is_at_its_last() {
            let moved = self.stdout.step(self.left);
            self.came(moved.map_err(|source| RunError::Pass { stream: "standard output", source })?);
        }
        if stderr || self.stderr.is_at_its_last() {
            let moved = self.stderr.step(self.left);
            self.came(moved.map_err(|source| RunError::Pass { stream: "standard error", source })?);
        }
        // After the streams: at the last word of the channel the sandbox is measured, which takes its time.
        if channel {
            self.step_channel()?;
        }
        if report {
            self.live.read_report()?;
        }
        if self.live.report.is_none() {
            let bytes = self.live.read_last_packets()?;
            self.came(Moved::In(bytes));
            self.stdout.writers_are_gone();
            self.stderr.writers_are_gone();
        }
        Ok(())
    }

    /// Asks the first process to end, once; how long it is until then.
    fn ask_if_due(&mut self) -> Option<Duration> {
        let due = self.asked?.saturating_duration_since(Instant::now());
        if due.is_zero() && self.killed.is_none() {
            self.live.ask_to_end();
            self.asked = None;
        }
        Some(due).filter(|due| !due.is_zero())
    }

    /// Whatever the sandbox does, it is ended now; and when it does not end, its run does.
    fn deadline_is_over(&mut self) -> Result<(), RunError> {
        match (self.killed, self.how) {
            (None, _) => self.kill(Status::Deadline),
            (Some(_), Kill::Orderly) => {
                self.how = Kill::AtOnce;
                self.deadline = Instant::now() + AT_ONCE;
                self.live.kill(Kill::AtOnce);
            }
            (Some(_), Kill::AtOnce) => return Err(RunError::Stuck(ORDERLY + AT_ONCE)),
        }
        Ok(())
    }

    fn step_channel(&mut self) -> Result<(), RunError> {
        self.live.flush()?;
        let length = self.live.read_channel()?;
        self.came(Moved::In(length));
        Ok(())
    }

    fn came(&mut self, moved: Moved) {
        let Moved::In(bytes) = moved else { return };
        match self.left.checked_sub(bytes as u64) {
            Some(left) => self.left = left,
            None => {
                self.left = 0;
                if self.killed.is_none() {
                    self.kill(Status::OutputLimit);
                }
            }
        }
    }

    fn kill(&mut self, why: Status) {
        (self.killed, self.how) = (Some(why), Kill::Orderly);
        self.deadline = Instant::now() + ORDERLY;
        self.live.kill(Kill::Orderly);
    }

    fn outcome(mut self) -> Result<Outcome, RunError> {
        if let Some(Exit { status: ExitStatus::Signaled { signal, .. }, .. }) = self.live.exit {
            self.live.generation.wear().signaled(signal);
        }
        let status = match (self.killed, self.live.exit) {
            // What it had done by itself before it was killed counts.
            (Some(Status::Deadline | Status::Storm), Some(exit)) if !was_killed(exit) => Status::of(exit),
            (Some(why), _) => why,
            (None, Some(exit)) if was_killed(exit) && self.live.emptied.counted.oom_kills > Some(0) => {
                Status::MemoryLimit
            }
            (None, Some(exit)) => Status::of(exit),
            (None, None) => return Err(RunError::TemplateDied),
        };
        let Emptied { orphans, counted } = self.live.emptied;
        let usage = self.live.exit.map(|exit| exit.usage);
        let mut measured = self.live.measured.take();
        let times = self.live.times(self.stdout.first());
        let refused = (counted.refused_processes > Some(0)).then_some(LimitMet::Processes);
        let limits_met = refused.into_iter().chain(std::mem::take(&mut self.live.used_up)).collect();
        let account = Account {
            storms: self.storms.finish(&self.live, measured.as_ref(), times.spawn),
            times,
            faults: usage.map(|usage| Faults {
                minor: usage.minor_faults + orphans.minor_faults,
                major: usage.major_faults + orphans.major_faults,
            }),
            cpu: usage.map(|usage| cpu(usage, orphans, counted.cpu)),
            memory: measured.as_ref().map(|measured| measured.memory),
            copied_from: measured
                .as_mut()
                .map(|measured| std::mem::take(&mut measured.copied_from))
                .unwrap_or_default(),
            peak: usage.map(|usage| Kib(usage.peak_resident_kib)),
            cgroup: counted,
            limits_met,
        };
        if let Some(flight) = self.live.flight.take() {
            flight.land(status, &account);
        }
        let collect = |collection: Collection| {
            collection.collect(self.live.files.take(), self.live.generation.views_in_home())
        };
        Ok(Outcome {
            collected: self.collection.take().map(collect),
            status,
            stdout: self.stdout.into_collected(),
            stderr: self.stderr.into_collected(),
            answer: std::mem::take(&mut self.live.answer),
            wants_network: self.live.hint == Some(Hint::Network),
            account,
            page_map: measured.and_then(|measured| measured.page_map),
            seal: self.live.take_seal(),
        })
    }
}

/// What its first process has used, and what all others have: by its cgroup, which misses nobody, or what was waited for.
fn cpu(first: Usage, orphans: Usage, counted: Option<CpuTime>) -> Cpu {
    let (user, system) = (first.user + orphans.user, first.system + orphans.system);
    let counted = counted.unwrap_or_default();
    Cpu { user: user.max(counted.user), system: system.max(counted.system) }
}

fn was_killed(exit: Exit) -> bool {
    matches!(exit.status, ExitStatus::Signaled { signal: nix::libc::SIGKILL, .. })
}
