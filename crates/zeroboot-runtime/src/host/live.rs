//! The process of one sandbox and the ways to it: what has to be sent, what is heard, what was measured.
//!
//! What comes over the report is trusted; every byte of the channel is hostile once user code may have started. Never here:
//! waiting.

use std::collections::VecDeque;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use nix::sys::signal::Signal;
use tracing::{debug_span, error};
use zeroboot_fork::fd::{self, Waiting};
use zeroboot_fork::{Exit, is_reaped, monotonic_ns, pidfd_signal};
use zeroboot_isolation::child::Stamps;
use zeroboot_isolation::policy::Protections;
use zeroboot_isolation::seal::{Missing, Namespace, Reading, Seal, SealError};

use super::error::SpawnError;
use super::generation::Generation;
use super::limit::{self, LimitMet};
use super::meter::Measured;
use super::metrics::{Ending, Flight, Resident};
use super::outcome::{Times, steps};
use super::request::MemoryAccount;
use super::sandbox::First;
use super::storm::Watched;
use crate::protocol::{
    CHANNEL_FRAME, ChannelFrame, Emptied, Hint, HostWord, KEEP_FILES, Report, SpawnStamps,
};
use crate::words;

/// What is known of a sandbox's process, and the ways to it.
#[derive(Debug)]
pub(super) struct Live {
    /// Kept alive for as long as the sandbox is.
    pub(super) generation: Arc<Generation>,
    /// `None` once nothing more can come of it. What lies unread in it would stay open for as long as it does.
    channel: Option<OwnedFd>,
    /// `None` after its end of file: everything is gone then.
    pub(super) report: Option<OwnedFd>,
    pub(super) asked: u64,
    spawned: Option<Spawned>,
    /// Begun while it hardens itself.
    reading: Option<Reading>,
    ready: Option<Stamps>,
    seal: Option<Seal>,
    /// Packets that are still to be sent.
    queue: VecDeque<Vec<u8>>,
    go_due: bool,
    /// Whether something runs ahead of the job.
    runs_ahead: bool,
    /// How long its claim took, if it was parked; `asked` is when that began.
    pub(super) claimed: Option<Duration>,
    /// How its faults are looked at, once they are.
    pub(super) watched: Option<Arc<Watched>>,
    /// Of one that somebody has asked for.
    pub(super) flight: Option<Flight>,
    /// Its place among those that live, once its process is known.
    pub(super) resident: Option<Arc<Resident>>,
    pub(super) exit: Option<Exit>,
    /// When that was.
    ended_at: Option<u64>,
    /// What else is known when everything in it has ended.
    pub(super) emptied: Emptied,
    /// What it has written into its working directory, once everything in it has ended, if that was wanted.
    pub(super) files: Option<OwnedFd>,
    pub(super) memory_account: MemoryAccount,
    pub(super) measured: Option<Measured>,
    /// What it had used up when it was measured.
    pub(super) used_up: Vec<LimitMet>,
    /// How long it was measured: an honest sandbox waits meanwhile.
    measuring: Duration,
    /// Whether it has said that its work is over.
    work_done: bool,
    /// Why it has failed, by its own word.
    pub(super) hint: Option<Hint>,
    pub(super) answer: Vec<u8>,
}

#[derive(Debug)]
struct Spawned {
    stamps: SpawnStamps,
    /// As this process numbers it.
    pid: u32,
    shell: OwnedFd,
    /// By which is seen whether the number is still its own.
    process: OwnedFd,
}

/// How a sandbox is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kill {
    /// By its init, which accounts for everything that still lives in it.
    Orderly,
    /// By the kernel.
    AtOnce,
}

/// How much of the time in which it was measured is not a sandbox's own, at most: it may work on meanwhile.
const MEASURING: Duration = Duration::from_millis(10);

/// More packets than lie unread in a channel whose other end is closed.
const UNREAD: usize = 4096;

impl Live {
    /// One that was asked for just now, and is going to be heard over these.
    pub(super) fn new(
        generation: &Arc<Generation>,
        channel: OwnedFd,
        report: OwnedFd,
        asked: u64,
        first: First,
    ) -> Self {
        let (go_due, runs_ahead) = (matches!(first, First::Job(_)), matches!(first, First::Ahead(_)));
        let queue = match first {
            First::Nothing => VecDeque::new(),
            First::Job(packets) | First::Ahead(packets) => packets.into(),
        };
        Self {
            generation: Arc::clone(generation),
            channel: Some(channel),
            report: Some(report),
            asked,
            spawned: None,
            reading: None,
            ready: None,
            seal: None,
            queue,
            go_due,
            runs_ahead,
            claimed: None,
            watched: None,
            flight: None,
            resident: None,
            exit: None,
            ended_at: None,
            emptied: Emptied::default(),
            files: None,
            memory_account: MemoryAccount::default(),
            measured: None,
            used_up: Vec::new(),
            measuring: Duration::ZERO,
            work_done: false,
            hint: None,
            answer: Vec::new(),
        }
    }

    /// Whether it is hardened, its seal is read, and what was to run ahead has run.
    pub(super) fn is_ready(&self) -> bool {
        self.seal.is_some() && !self.runs_ahead
    }

    /// What holds it, once that is read.
    pub(super) fn seal(&self) -> Option<&Seal> {
        self.seal.as_ref()
    }

    /// Its number in the `/proc` of this process, once the template has told it.
    pub(super) fn pid(&self) -> Option<u32> {
        self.spawned.as_ref().map(|spawned| spawned.pid)
    }

    /// Sends the job of one that was ready before there was one.
    pub(super) fn send_job(&mut self, packets: Vec<Vec<u8>>) -> Result<(), SpawnError> {
        self.queue = packets.into();
        self.flush()
    }

    /// Asks for what it is going to write into its working directory. Before it has a job.
    pub(super) fn keep_files(&mut self) -> Result<(), SpawnError> {
        let Some(report) = &self.report else { return Ok(()) };
        match fd::send(report.as_fd(), &KEEP_FILES, &[]) {
            // It has ended: the report says how.
            Ok(()) | Err(Errno::EPIPE | Errno::ECONNRESET) => Ok(()),
            Err(errno) => Err(SpawnError::Talk(errno)),
        }
    }

    /// Sends what is still to be sent, as far as the socket takes it.
    pub(super) fn flush(&mut self) -> Result<(), SpawnError> {
        while let (Some(packet), Some(channel)) = (self.queue.front(), &self.channel) {
            match fd::send(channel.as_fd(), packet, &[]) {
                Ok(()) => drop(self.queue.pop_front()),
                Err(Errno::EAGAIN) => return Ok(()),
                // It has ended: the report says how.
                Err(Errno::EPIPE | Errno::ECONNRESET) => self.queue.clear(),
                Err(errno) => return Err(SpawnError::Talk(errno)),
            }
        }
        if self.go_due && self.seal.is_some() {
            self.go_due = false;
            self.queue.push_back(HostWord::GO.to_vec());
            return self.flush();
        }
        Ok(())
    }

    /// What the channel waits for; `None` when nothing more can come of it.
    pub(super) fn channel_waits_for(&self) -> Option<PollFd<'_>> {
        let unsent = if self.queue.is_empty() { PollFlags::empty() } else { PollFlags::POLLOUT };
        self.channel.as_ref().map(|channel| PollFd::new(channel.as_fd(), PollFlags::POLLIN | unsent))
    }

    /// Reads one packet of the report.
    pub(super) fn read_report(&mut self) -> Result<(), SpawnError> {
        let Some(report) = &self.report else { return Ok(()) };
        let mut packet = [0; Report::SIZE];
        let mut receive = || fd::receive(report.as_fd(), &mut packet, Waiting::DontWait);
        let received = match receive() {
            // The other end was closed with something unread. The kernel reports that once, before what was sent.
            Err(Errno::ECONNRESET) => receive(),
            received => received,
        };
        let received = match received {
            Err(Errno::EAGAIN) => return Ok(()),
            Err(Errno::ECONNRESET) => {
                self.report = None;
                return Ok(());
            }
            result => result.map_err(SpawnError::Talk)?,
        };
        if received.length == 0 {
            self.report = None;
            return Ok(());
        }
        let report =
            Report::decode(&packet[..received.length]).map_err(|_| SpawnError::Talk(Errno::EBADMSG))?;
        match report {
            Report::Spawned(stamps) => {
                let [process, shell] = received.fds.exactly().ok_or(SpawnError::Talk(Errno::EBADMSG))?;
                // A process that is gone already has no number; its end is reported next.
                if let Some(pid) = pid_of(process.as_fd()) {
                    let begun = debug_span!("begin_seal").in_scope(|| self.generation.seals().begin(pid));
                    let begun = alive(pid, begun)?;
                    // What was opened by its number is its own if it still has that.
                    self.reading = begun.filter(|_| !is_reaped(process.as_fd()));
                    self.spawned = Some(Spawned { stamps, pid, shell, process });
                }
                self.read_seal()?;
                // After what the sandbox waits for.
                let metrics = self.generation.metrics();
                self.resident = self.pid().map(|pid| metrics.enter(pid, self.asked));
                if self.work_done {
                    self.measure();
                }
                Ok(())
            }
            Report::Refused(failure) => Err(SpawnError::Refused(failure)),
            Report::Exited(exit, at) => {
                (self.exit, self.ended_at) = (Some(exit), Some(at));
                Ok(())
            }
            Report::Emptied(emptied) => {
                self.emptied = emptied;
                self.files = received.fds.into_iter().next();
                Ok(())
            }
        }
    }

    /// Reads one packet of the channel. Returns how many bytes count as output: those of an answer, and whatever has no
    /// meaning.
    ///
    /// # Errors
    /// What the first packets say went wrong; later ones cannot be believed.
    pub(super) fn read_channel(&mut self) -> Result<usize, SpawnError> {
        let Some(channel) = &self.channel else { return Ok(0) };
        let mut packet = [0; CHANNEL_FRAME];
        let mut receive = || fd::receive_bytes(channel.as_fd(), &mut packet, Waiting::DontWait);
        let received = match receive() {
            // It left something unread. That is reported once, before the words that are still there.
            Err(Errno::ECONNRESET) => receive(),
            received => received,
        };
        match received {
            Err(Errno::EAGAIN) => Ok(0),
            // Longer than anything that has a meaning.
            Err(Errno::EMSGSIZE) => Ok(packet.len()),
            Err(errno) => Err(SpawnError::Talk(errno)),
            Ok(0) if fd::is_hung_up(channel.as_fd()) => self.read_last_packets(),
            // An empty packet: that is not the end.
            Ok(0) => Ok(1),
            Ok(length) => self.take(&packet[..length]),
        }
    }

    /// When nobody can send any more: reads what is still there, and closes the channel, and with it whatever was sent along
    /// with packets that nobody has read. Returns as [`read_channel`](Self::read_channel).
    pub(super) fn read_last_packets(&mut self) -> Result<usize, SpawnError> {
        let Some(channel) = self.channel.take() else { return Ok(0) };
        let mut packet = [0; CHANNEL_FRAME];
        let mut bytes = 0;
        for _ in 0..UNREAD {
            if fd::queued(channel.as_fd()).map_err(SpawnError::Talk)? == 0 {
                break;
            }
            bytes += match fd::receive_bytes(channel.as_fd(), &mut packet, Waiting::DontWait) {
                Err(Errno::EAGAIN) => break,
                Err(Errno::ECONNRESET) => 0,
                Err(Errno::EMSGSIZE) => packet.len(),
                Err(errno) => return Err(SpawnError::Talk(errno)),
                Ok(length) => self.take(&packet[..length])?,
            };
        }
        Ok(bytes)
    }

    /// A packet of the channel. Everything but the first is the sandbox's word; it may lie, to its own account.
    fn take(&mut self, packet: &[u8]) -> Result<usize, SpawnError> {
        match (self.ready.is_some(), ChannelFrame::decode(packet)) {
            (false, Some(ChannelFrame::Ready(stamps))) => {
                self.ready = Some(stamps);
                self.read_seal().map(|()| 0)
            }
            (false, Some(ChannelFrame::Failed(failure))) => {
                error!(
                    pid = self.pid(),
                    cause = words::of_step(failure),
                    "a sandbox could not be sealed, and has exited"
                );
                Err(SpawnError::Hardening(failure))
            }
            (true, Some(ChannelFrame::RanAhead(status))) if self.runs_ahead => {
                self.runs_ahead = false;
                if status == 0 { Ok(0) } else { Err(SpawnError::Ahead(status)) }
            }
            (true, Some(ChannelFrame::Answer(piece))) => {
                self.answer.extend_from_slice(piece);
                Ok(piece.len().max(1))
            }
            (true, Some(ChannelFrame::Done(hint))) if !self.work_done => {
                (self.work_done, self.hint) = (true, hint);
                self.measure();
                Ok(0)
            }
            _ => Ok(packet.len().max(1)),
        }
    }

    /// Once it is hardened and its number is known: what holds it.
    fn read_seal(&mut self) -> Result<(), SpawnError> {
        let (Some(spawned), Some(stamps)) = (&self.spawned, &self.ready) else { return Ok(()) };
        let Some(reading) = self.reading.take() else { return Ok(()) };
        for (step, time) in steps(self.asked, &spawned.stamps, stamps) {
            debug_span!("spawn_step", step, us = time.as_micros()).in_scope(|| {});
        }
        let pid = spawned.pid;
        let read = debug_span!("read_seal").in_scope(|| reading.finish(self.generation.group()));
        let Some(seal) = alive(pid, read)? else { return Ok(()) };
        let wanted = self.generation.protections();
        if let Some(flaw) = flaw(&seal, wanted) {
            error!(pid, cause = flaw, "a sandbox is not sealed, and is ended");
            return Err(SpawnError::Unsealed(flaw));
        }
        let mut seal = seal.with_word_of(stamps, wanted);
        if self.generation.lacks_throttle() {
            seal.missing.push(Missing::StormThrottle);
        }
        self.seal = Some(seal);
        self.flush()
    }

    /// At the end of the work, while the process waits. A short one may be done before the template has told its number:
    /// then it waits for that, or its seal could not be read either.
    fn measure(&mut self) {
        if self.spawned.is_none() {
            return;
        }
        if let Some(watched) = &self.watched {
            watched.look(None);
        }
        let begun = monotonic_ns();
        self.measured = self.look(self.memory_account);
        self.used_up = self.used_up();
        self.measuring = since(monotonic_ns(), begun);
        if let Some(channel) = &self.channel {
            // A process that does not wait for the word has gone.
            let _ = fd::send(channel.as_fd(), &HostWord::MEASURED, &[]);
        }
    }

    /// Its memory now; `None` when it has gone.
    pub(super) fn look(&self, account: MemoryAccount) -> Option<Measured> {
        let measured = self.generation.meter().measure(self.pid()?, account);
        measured.filter(|_| self.has_its_number())
    }

    fn used_up(&self) -> Vec<LimitMet> {
        let Some(pid) = self.pid().filter(|_| self.memory_account != MemoryAccount::Nothing) else {
            return Vec::new();
        };
        let met = limit::used_up(pid, &self.generation.policy().limits);
        if self.has_its_number() { met } else { Vec::new() }
    }

    /// Whether its number is still its own: then what was opened or read by that was its own as well.
    pub(super) fn has_its_number(&self) -> bool {
        self.spawned.as_ref().is_some_and(|spawned| !is_reaped(spawned.process.as_fd()))
    }

    /// How it has ended if it is dropped now.
    pub(super) fn ends_as(&mut self, ending: Ending) {
        if let Some(flight) = &mut self.flight {
            flight.ends_as(ending);
        }
    }

    /// Sends `SIGTERM` to the first process alone.
    pub(super) fn ask_to_end(&self) {
        if let Some(spawned) = &self.spawned {
            // One that has ended needs no signal.
            let _ = pidfd_signal(spawned.process.as_fd(), Signal::SIGTERM);
        }
    }

    /// Ends everything in it; the report then says so.
    pub(super) fn kill(&mut self, how: Kill) {
        let signal = match how {
            // A cgroup counts what its init would.
            Kill::Orderly if self.generation.group().is_none() => Signal::SIGTERM,
            Kill::Orderly | Kill::AtOnce => Signal::SIGKILL,
        };
        match &self.spawned {
            // It can only be gone already.
            Some(spawned) => drop(pidfd_signal(spawned.shell.as_fd(), signal)),
            // Nobody knows it yet: the warden ends what nobody listens to.
            None => self.report = None,
        }
    }

    pub(super) fn take_seal(&mut self) -> Option<Seal> {
        self.seal.take()
    }

    /// Until now; `first_output` is when that came, as [`monotonic_ns`] has it.
    pub(super) fn times(&self, first_output: Option<u64>) -> Times {
        let total = since(monotonic_ns(), self.asked);
        let first_output = first_output.map(|at| since(at, self.asked));
        let (Some(spawned), Some(stamps)) = (&self.spawned, &self.ready) else {
            return Times { first_output, total, ..Times::default() };
        };
        let steps = match self.claimed {
            Some(time) => vec![("claim", time)],
            None => steps(self.asked, &spawned.stamps, stamps),
        };
        let spawn = steps.iter().map(|(_, time)| *time).sum();
        let end = self.ended_at.unwrap_or_else(monotonic_ns);
        let run = since(end, self.asked).saturating_sub(spawn + self.measuring.min(MEASURING));
        Times { spawn, run, first_output, total, steps }
    }
}

fn since(end: u64, start: u64) -> Duration {
    Duration::from_nanos(end.saturating_sub(start))
}

/// What was read; nothing of a process that has ended: the report says how.
fn alive<T>(pid: u32, read: Result<T, SealError>) -> Result<Option<T>, SpawnError> {
    match read {
        Err(SealError::Gone(_)) => Ok(None),
        Err(error) => {
            error!(pid, cause = words::of(&error), "the seal of a sandbox cannot be read, and it is ended");
            Err(error.into())
        }
        Ok(read) => Ok(Some(read)),
    }
}

/// What keeps a sandbox from running: a part that every one has, or a wanted protection.
fn flaw(seal: &Seal, wanted: Protections) -> Option<String> {
    if !seal.no_new_privs {
        return Some("no_new_privs is not set".to_owned());
    }
    let own = [Namespace::User, Namespace::Pid, Namespace::Mount, Namespace::Ipc];
    let shared = own.into_iter().find(|namespace| !seal.namespaces.contains(namespace));
    let shared = shared.map(|namespace| format!("the {} namespace is the host's", namespace.name()));
    shared.or_else(|| seal.flaw(wanted).map(|protection| format!("{} does not hold", protection.name())))
}

/// The number of a process as this one's `/proc` has it, from its pidfd. See `pidfd_open(2)`.
fn pid_of(pidfd: BorrowedFd<'_>) -> Option<u32> {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).ok()?;
    let number = info.lines().find_map(|line| line.strip_prefix("Pid:"))?.trim().parse().ok()?;
    (number > 0).then_some(number)
}
