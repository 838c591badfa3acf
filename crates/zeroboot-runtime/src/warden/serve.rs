//! Which sandbox is in which shell: reaping, reporting, replacing, until the host or the template is gone.
//!
//! Every process below the warden is known by its pidfd, and is reaped by that alone: the number of a process comes round again.
//! A child that nobody has announced is left alone until the template announces it.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;
use zeroboot_fork::fd::{self, Waiting};
use zeroboot_fork::{ExitStatus, Usage, monotonic_ns, pidfd_get, pidfd_signal, reap};
use zeroboot_isolation::cgroup::{Leaf, Leaves};
use zeroboot_isolation::policy::UserId;
use zeroboot_isolation::shell::HOME_DESCRIPTOR;
use zeroboot_isolation::world::Shown;

use super::events::Events;
use super::shells::Parking;
use super::{WardenError, failed};
use crate::protocol::{Emptied, KEEP_FILES, LinkMessage, Report, Setup};

/// What the warden listens to; the numbers are those of template processes and of shells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The host's socket, and its process.
    Host,
    /// What this template process says.
    Link(u64),
    /// The end of this template process.
    Template(u64),
    /// The host's hold on the sandbox in this shell.
    Report(u64),
    /// The end of the sandbox in this shell.
    Sandbox(u64),
    /// The end of this shell's init.
    Init(u64),
}

impl Source {
    const KINDS: u64 = 6;

    fn to_number(self) -> u64 {
        let (kind, number) = match self {
            Self::Host => (0, 0),
            Self::Link(number) => (1, number),
            Self::Template(number) => (2, number),
            Self::Report(number) => (3, number),
            Self::Sandbox(number) => (4, number),
            Self::Init(number) => (5, number),
        };
        number * Self::KINDS + kind
    }

    fn of_number(number: u64) -> Self {
        let (kind, number) = (number % Self::KINDS, number / Self::KINDS);
        match kind {
            0 => Self::Host,
            1 => Self::Link(number),
            2 => Self::Template(number),
            3 => Self::Report(number),
            4 => Self::Sandbox(number),
            _ => Self::Init(number),
        }
    }
}

/// A process of the template.
struct TemplateProcess {
    link: OwnedFd,
    pidfd: OwnedFd,
    /// How many shells wait there to be joined.
    parked: usize,
    /// A shell that could not be offered yet, and is again when nothing else happens: the process does not read, and its link is full.
    held: Option<Offer>,
}

/// What a template process receives of a shell.
struct Offer {
    number: u64,
    user: UserId,
    /// The Landlock rules of its sandbox.
    rules: Option<OwnedFd>,
}

/// A shell, from its parking to its end.
struct Shell {
    init: OwnedFd,
    leaf: Option<Leaf>,
    /// The process that has joined, until it is reaped.
    sandbox: Option<OwnedFd>,
    /// Once a process has joined: the way to the host. It closes when the shell is gone.
    report: Option<OwnedFd>,
    /// What its sandbox writes into its working directory, if the host wants to have it.
    files: Option<OwnedFd>,
}

/// How a shell comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Its init ends it, and accounts for what is left in it.
    Orderly,
    /// The kernel ends it: nobody wants to know what it has used.
    AtOnce,
}

struct Warden {
    events: Events,
    parking: Parking,
    /// By the numbers of their links.
    processes: BTreeMap<u64, TemplateProcess>,
    shells: HashMap<u64, Shell>,
    /// How many shells should wait at each process of the template.
    wanted: usize,
    supply: Supply,
}

/// Whether shells can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Supply {
    /// None was made yet: what keeps them from being made keeps the template from serving.
    Untried,
    /// They can.
    Ample,
    /// Something has run short. What lives goes on, and others wait.
    Short,
}

/// How long nothing must have happened until a shell is parked for later, in milliseconds.
const QUIET: u8 = 2;

/// How long it waits when a shell could not be made for want of something, in milliseconds.
const PAUSE: u8 = 50;

/// Parks shells and reaps sandboxes until host or template are gone.
pub(super) fn serve(
    (host, host_process): (BorrowedFd<'_>, BorrowedFd<'_>),
    setup: &Setup,
    leaves: Option<Leaves>,
    shown: Shown,
    (template, link): (OwnedFd, OwnedFd),
) -> Result<(), WardenError> {
    let mut warden = Warden {
        events: Events::new().map_err(failed("making an epoll"))?,
        parking: Parking::new(setup, leaves, shown)?,
        processes: BTreeMap::new(),
        shells: HashMap::new(),
        wanted: setup.shells.div_ceil(usize::from(setup.template_processes.get())),
        supply: Supply::Untried,
    };
    for source in [host, host_process] {
        warden.listen(source, Source::Host)?;
    }
    warden.admit(template, link)?;
    warden.run()
}

impl Warden {
    fn run(&mut self) -> Result<(), WardenError> {
        loop {
            let short = self.short_of_shells();
            let longest = if self.supply == Supply::Short { PAUSE } else { QUIET };
            let happened = match self.events.wait(short.map(|_| longest)) {
                Err(Errno::EINTR) => continue,
                result => result.map_err(failed("waiting"))?,
            };
            if happened.is_empty() {
                short.map_or(Ok(()), |process| self.park(process))?;
            }
            for number in happened {
                match Source::of_number(number) {
                    Source::Host => return Ok(()),
                    Source::Link(process) => self.link(process)?,
                    Source::Template(process) => self.template_ended(process)?,
                    Source::Report(shell) => self.asked(shell)?,
                    Source::Sandbox(shell) => self.sandbox_ended(shell)?,
                    Source::Init(shell) => self.init_ended(shell)?,
                }
            }
        }
    }

    fn listen(&mut self, source: BorrowedFd<'_>, number: Source) -> Result<(), WardenError> {
        self.events.add(source, number.to_number()).map_err(failed("listening"))
    }

    fn ignore(&mut self, source: BorrowedFd<'_>, number: Source) -> Result<(), WardenError> {
        self.events.remove(source, number.to_number()).map_err(failed("not listening any more"))
    }

    /// Listens to a process of the template, and gives it its shells.
    fn admit(&mut self, pidfd: OwnedFd, link: OwnedFd) -> Result<(), WardenError> {
        let number = self.processes.last_key_value().map_or(0, |(last, _)| last + 1);
        fcntl(&link, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(failed("listening"))?;
        self.listen(link.as_fd(), Source::Link(number))?;
        self.listen(pidfd.as_fd(), Source::Template(number))?;
        self.processes.insert(number, TemplateProcess { link, pidfd, parked: 0, held: None });
        while self.processes.get(&number).is_some_and(|it| it.held.is_none() && it.parked < self.wanted) {
            self.park(number)?;
            if self.supply == Supply::Short {
                break;
            }
        }
        Ok(())
    }

    /// The process of the template that has the fewest shells, if these are too few.
    fn short_of_shells(&self) -> Option<u64> {
        let fewest = self.processes.iter().min_by_key(|(_, process)| process.parked);
        fewest.filter(|(_, process)| process.parked < self.wanted).map(|(number, _)| *number)
    }

    /// Makes a shell, unless one is held, and offers it to this process of the template.
    fn park(&mut self, process: u64) -> Result<(), WardenError> {
        let held = self.processes.get_mut(&process).and_then(|process| process.held.take());
        let offer = match held.filter(|offer| self.shells.contains_key(&offer.number)) {
            Some(held) => held,
            None => match self.make_shell() {
                Ok(offer) => {
                    self.supply = Supply::Ample;
                    offer
                }
                Err(error) if self.supply != Supply::Untried && error.is_shortage() => {
                    self.supply = Supply::Short;
                    return Ok(());
                }
                Err(error) => return Err(error),
            },
        };
        let (Some(process), Some(shell)) = (self.processes.get_mut(&process), self.shells.get(&offer.number))
        else {
            return Ok(());
        };
        let message = LinkMessage::Parked { shell: offer.number, user: offer.user.0 };
        let leaf = shell.leaf.as_ref().map(Leaf::directory);
        let fds = [Some(shell.init.as_fd()), leaf, offer.rules.as_ref().map(AsFd::as_fd)];
        let fds: Vec<_> = fds.into_iter().flatten().collect();
        match fd::send(process.link.as_fd(), &message.encode(), &fds) {
            // It may be gone: its end comes next.
            Ok(()) | Err(Errno::EPIPE | Errno::ECONNRESET) => process.parked += 1,
            // Until the process reads, or others of the user have read what is on its way: see `unix(7)`.
            Err(Errno::EAGAIN | Errno::ETOOMANYREFS) => process.held = Some(offer),
            Err(errno) => return Err(failed("offering a shell")(errno)),
        }
        Ok(())
    }

    fn make_shell(&mut self) -> Result<Offer, WardenError> {
        let parked = self.parking.park()?;
        self.listen(parked.pidfd.as_fd(), Source::Init(parked.number))?;
        let shell = Shell { init: parked.pidfd, leaf: parked.leaf, sandbox: None, report: None, files: None };
        self.shells.insert(parked.number, shell);
        Ok(Offer { number: parked.number, user: parked.user, rules: parked.rules })
    }

    /// Reads what this process of the template says, to the last word that is there.
    fn link(&mut self, number: u64) -> Result<(), WardenError> {
        loop {
            let Some(process) = self.processes.get_mut(&number) else { return Ok(()) };
            let mut packet = [0; LinkMessage::SIZE];
            let received = match fd::receive(process.link.as_fd(), &mut packet, Waiting::DontWait) {
                Err(Errno::EAGAIN) => return Ok(()),
                Err(Errno::ECONNRESET) => return self.link_is_down(number),
                result => result.map_err(failed("reading the link"))?,
            };
            if received.length == 0 {
                return self.link_is_down(number);
            }
            match LinkMessage::decode(&packet[..received.length]) {
                Ok(LinkMessage::Twin) => {
                    let [link, pidfd] = received.fds.exactly().ok_or(WardenError::Descriptors)?;
                    self.admit(pidfd, link)?;
                    continue;
                }
                Ok(LinkMessage::Joined { shell }) => {
                    process.parked -= 1;
                    let [report, sandbox] = received.fds.exactly().ok_or(WardenError::Descriptors)?;
                    self.joined(shell, sandbox, report)?;
                }
                Ok(LinkMessage::Wasted { shell }) => {
                    process.parked -= 1;
                    self.end(shell, End::AtOnce);
                }
                Ok(LinkMessage::Parked { .. }) | Err(_) => {
                    return Err(failed("understanding the template")(Errno::EBADMSG));
                }
            }
            if self.processes.get(&number).is_some_and(|process| process.parked * 2 < self.wanted) {
                self.park(number)?;
            }
        }
    }

    /// This process of the template is gone, or going: its end comes next, by its pidfd.
    fn link_is_down(&mut self, number: u64) -> Result<(), WardenError> {
        let Some(process) = self.processes.get(&number) else { return Ok(()) };
        self.events
            .remove(process.link.as_fd(), Source::Link(number).to_number())
            .map_err(failed("letting go of the link"))
    }

    /// The shell has it for as long as the process is not reaped: so long does the kernel hold back the end of its init.
    fn joined(&mut self, number: u64, sandbox: OwnedFd, report: OwnedFd) -> Result<(), WardenError> {
        if !self.shells.contains_key(&number) {
            return Ok(());
        }
        self.listen(report.as_fd(), Source::Report(number))?;
        self.listen(sandbox.as_fd(), Source::Sandbox(number))?;
        if let Some(shell) = self.shells.get_mut(&number) {
            (shell.report, shell.sandbox) = (Some(report), Some(sandbox));
        }
        // What the host has said already holds, however short the sandbox lives.
        self.asked(number)
    }

    /// What the host has to say about a sandbox: that it wants to have its files, or that it has let go of it.
    fn asked(&mut self, number: u64) -> Result<(), WardenError> {
        let Some(shell) = self.shells.get_mut(&number) else { return Ok(()) };
        let Some(report) = &shell.report else { return Ok(()) };
        let mut packet = [0; KEEP_FILES.len()];
        match fd::receive_bytes(report.as_fd(), &mut packet, Waiting::DontWait) {
            Err(Errno::EAGAIN) => Ok(()),
            Ok(length) if packet[..length] == KEEP_FILES => {
                // Without them the host says that there are none to be had.
                shell.files = pidfd_get(shell.init.as_fd(), HOME_DESCRIPTOR).ok();
                Ok(())
            }
            _ => self.abandoned(number),
        }
    }

    fn template_ended(&mut self, number: u64) -> Result<(), WardenError> {
        let Some(process) = self.processes.get(&number) else { return Ok(()) };
        match reap(process.pidfd.as_fd()).map_err(failed("reaping the template"))? {
            Some(exit) => Err(WardenError::TemplateEnded(in_words(exit.status))),
            None => Ok(()),
        }
    }

    /// The host has let go of a sandbox.
    fn abandoned(&mut self, number: u64) -> Result<(), WardenError> {
        if let Some(report) = self.shells.get_mut(&number).and_then(|shell| shell.report.take()) {
            self.ignore(report.as_fd(), Source::Report(number))?;
        }
        self.end(number, End::AtOnce);
        Ok(())
    }

    /// Reports the end of a sandbox's first process, and ends what is left in its shell.
    fn sandbox_ended(&mut self, number: u64) -> Result<(), WardenError> {
        let Some(shell) = self.shells.get_mut(&number) else { return Ok(()) };
        let Some(sandbox) = &shell.sandbox else { return Ok(()) };
        let Some(exit) = reap(sandbox.as_fd()).map_err(failed("reaping a sandbox"))? else { return Ok(()) };
        let at = monotonic_ns();
        if let Some(report) = &shell.report {
            // A host that has let go does not want to know.
            let _ = fd::send(report.as_fd(), &Report::Exited(exit, at).encode(), &[]);
        }
        if let Some(sandbox) = shell.sandbox.take() {
            self.ignore(sandbox.as_fd(), Source::Sandbox(number))?;
        }
        self.end(number, End::Orderly);
        Ok(())
    }

    /// With its init everything in a shell has ended. Closes the report, and makes another shell.
    fn init_ended(&mut self, number: u64) -> Result<(), WardenError> {
        let Some(shell) = self.shells.get(&number) else { return Ok(()) };
        let Some(exit) = reap(shell.init.as_fd()).map_err(failed("reaping a shell"))? else { return Ok(()) };
        let Some(shell) = self.shells.remove(&number) else { return Ok(()) };
        self.ignore(shell.init.as_fd(), Source::Init(number))?;
        if let Some(report) = shell.report {
            let orphans = match exit.status {
                // It has reaped nobody.
                ExitStatus::Exited(0) => Usage::default(),
                _ => exit.usage,
            };
            let counted = shell.leaf.as_ref().map(Leaf::usage).unwrap_or_default();
            let emptied = Report::Emptied(Emptied { orphans, counted });
            // As above.
            let files: Vec<_> = shell.files.as_ref().map(AsFd::as_fd).into_iter().collect();
            if fd::send(report.as_fd(), &emptied.encode(), &files) == Err(Errno::ETOOMANYREFS) {
                let _ = fd::send(report.as_fd(), &emptied.encode(), &[]);
            }
            self.ignore(report.as_fd(), Source::Report(number))?;
        }
        if let Some(leaf) = shell.leaf {
            self.parking.remove(leaf);
        }
        self.short_of_shells().map_or(Ok(()), |process| self.park(process))
    }

    fn end(&self, number: u64, how: End) {
        let Some(Shell { init, leaf, .. }) = self.shells.get(&number) else { return };
        // The init can only be gone already: this process may signal all below it.
        let _ = match (leaf, how) {
            // The cgroup has counted, and kills all at once where the kernel can; the end of the init is the end of all in any case.
            (Some(leaf), _) => {
                let _ = leaf.kill();
                pidfd_signal(init.as_fd(), Signal::SIGKILL)
            }
            (None, End::Orderly) => pidfd_signal(init.as_fd(), Signal::SIGTERM),
            (None, End::AtOnce) => pidfd_signal(init.as_fd(), Signal::SIGKILL),
        };
    }
}

fn in_words(status: ExitStatus) -> String {
    match status {
        ExitStatus::Exited(code) => format!("exit status {code}"),
        ExitStatus::Signaled { signal, .. } => match Signal::try_from(signal) {
            Ok(name) => name.to_string(),
            Err(_) => format!("signal {signal}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::Source;

    #[test]
    fn a_source_is_a_number_and_back() {
        let kinds = [Source::Link, Source::Template, Source::Report, Source::Sandbox, Source::Init];
        let mut numbers = std::collections::BTreeSet::from([Source::Host.to_number()]);
        for kind in kinds {
            for number in [0, 1, 1 << 40] {
                let source = kind(number);
                assert_eq!(Source::of_number(source.to_number()), source);
                assert!(numbers.insert(source.to_number()), "{source:?}");
            }
        }
    }
}
