//! Who is in which shell: reaping, reporting, replacing, until the host or the template is gone.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use zeroboot_fork::fd::{self, Waiting};
use zeroboot_fork::{Exit, ExitStatus, pidfd_signal, reap_any};
use zeroboot_isolation::cgroup::{Leaf, Leaves};

use super::shells::{Parked, Parking};
use super::{WardenError, failed};
use crate::protocol::{LinkMessage, Report, Setup};

/// What the warden listens to.
pub(super) struct Wires<'a> {
    pub(super) host: BorrowedFd<'a>,
    pub(super) host_process: &'a OwnedFd,
    pub(super) signals: SignalFd,
}

// Numbers in epoll events: links come after them, and shells after these. There are at most 255 links.
const HOST: u64 = 0;
const SIGNALS: u64 = 1;
const FIRST_LINK: u64 = 2;
const FIRST_SHELL: u64 = FIRST_LINK + 255;

/// A process of the template.
struct Forker {
    link: OwnedFd,
    /// How many shells wait there to be joined.
    parked: usize,
    /// A shell that could not be offered yet, and is again when nothing else happens: the process does not read, and its link is full.
    held: Option<Parked>,
}

/// A shell, from its parking to its end.
struct Shell {
    pidfd: OwnedFd,
    leaf: Option<Leaf>,
    /// Once a process has joined: the way to the host. It closes when the shell is gone.
    report: Option<OwnedFd>,
}

/// What a process below the warden is.
enum Role {
    /// A process of the template.
    Forker,
    /// The init of this shell.
    Init(u64),
    /// The process that joined this shell.
    Sandbox(u64),
}

struct Warden<'a> {
    wires: &'a Wires<'a>,
    events: Epoll,
    parking: Parking,
    /// By the numbers of their links.
    forkers: BTreeMap<u64, Forker>,
    shells: HashMap<u64, Shell>,
    roles: HashMap<u32, Role>,
    /// Processes that ended before the template's word about them was read.
    early: HashMap<u32, Exit>,
    /// How many shells should wait at each process of the template.
    wanted: usize,
}

/// How long nothing must have happened until a shell is parked for later, in milliseconds.
const QUIET: u8 = 2;

/// The end of children arrives by a descriptor from now on.
pub(super) fn block_signals() -> Result<SignalFd, WardenError> {
    let mut children = SigSet::empty();
    children.add(Signal::SIGCHLD);
    children.thread_block().map_err(failed("blocking SIGCHLD"))?;
    SignalFd::with_flags(&children, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
        .map_err(failed("making a signalfd"))
}

/// Parks shells and buries sandboxes until host or template are gone.
pub(super) fn serve(
    wires: &Wires<'_>,
    setup: &Setup,
    leaves: Option<Leaves>,
    (template, link): (u32, OwnedFd),
) -> Result<(), WardenError> {
    let events = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(failed("making an epoll"))?;
    for (source, number) in
        [(wires.host, HOST), (wires.host_process.as_fd(), HOST), (wires.signals.as_fd(), SIGNALS)]
    {
        listen(&events, source, number)?;
    }
    let mut warden = Warden {
        wires,
        events,
        parking: Parking::new(setup, leaves)?,
        forkers: BTreeMap::new(),
        shells: HashMap::new(),
        roles: HashMap::new(),
        early: HashMap::new(),
        wanted: setup.shells.div_ceil(usize::from(setup.template_processes.get())),
    };
    warden.admit(template, link)?;
    warden.run()
}

fn listen(events: &Epoll, source: BorrowedFd<'_>, number: u64) -> Result<(), WardenError> {
    events.add(source, EpollEvent::new(EpollFlags::EPOLLIN, number)).map_err(failed("listening"))
}

impl Warden<'_> {
    fn run(&mut self) -> Result<(), WardenError> {
        loop {
            let mut happened = [EpollEvent::empty(); 16];
            let needy = self.needy();
            let patience = needy.map_or(EpollTimeout::NONE, |_| EpollTimeout::from(QUIET));
            let count = match self.events.wait(&mut happened, patience) {
                Err(Errno::EINTR) => continue,
                Ok(0) => {
                    needy.map_or(Ok(()), |forker| self.park(forker))?;
                    continue;
                }
                result => result.map_err(failed("waiting"))?,
            };
            for event in &happened[..count] {
                match event.data() {
                    HOST => return Ok(()),
                    SIGNALS => self.bury()?,
                    link if link < FIRST_SHELL => self.link(link)?,
                    shell => self.abandoned(shell - FIRST_SHELL),
                }
            }
        }
    }

    /// Listens to a process of the template, and gives it its shells.
    fn admit(&mut self, pid: u32, link: OwnedFd) -> Result<(), WardenError> {
        if let Some(exit) = self.early.remove(&pid) {
            return Err(WardenError::TemplateEnded(in_words(exit.status)));
        }
        let number = self.forkers.last_key_value().map_or(FIRST_LINK, |(last, _)| last + 1);
        fcntl(&link, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(failed("listening"))?;
        listen(&self.events, link.as_fd(), number)?;
        self.roles.insert(pid, Role::Forker);
        self.forkers.insert(number, Forker { link, parked: 0, held: None });
        while self.forkers.get(&number).is_some_and(|it| it.held.is_none() && it.parked < self.wanted) {
            self.park(number)?;
        }
        Ok(())
    }

    /// The process of the template that has the fewest shells, if these are too few.
    fn needy(&self) -> Option<u64> {
        let fewest = self.forkers.iter().min_by_key(|(_, forker)| forker.parked);
        fewest.filter(|(_, forker)| forker.parked < self.wanted).map(|(number, _)| *number)
    }

    /// Makes a shell, unless one is held, and offers it to this process of the template.
    fn park(&mut self, number: u64) -> Result<(), WardenError> {
        let Some(forker) = self.forkers.get_mut(&number) else { return Ok(()) };
        let parked = match forker.held.take() {
            Some(held) => held,
            None => {
                let parked = self.parking.park()?;
                self.roles.insert(parked.pid, Role::Init(parked.number));
                parked
            }
        };
        let offer = LinkMessage::Parked { shell: parked.number, user: parked.user.0 };
        let leaf = parked.leaf.as_ref().map(Leaf::directory);
        let fds = [Some(parked.pidfd.as_fd()), leaf, parked.rules.as_ref().map(AsFd::as_fd)];
        let fds: Vec<_> = fds.into_iter().flatten().collect();
        match fd::send(forker.link.as_fd(), &offer.encode(), &fds) {
            // It may be gone: its end is buried next.
            Ok(()) | Err(Errno::EPIPE | Errno::ECONNRESET) => {
                forker.parked += 1;
                let shell = Shell { pidfd: parked.pidfd, leaf: parked.leaf, report: None };
                self.shells.insert(parked.number, shell);
            }
            // Until the process reads, or others of the user have read what is on its way: see `unix(7)`.
            Err(Errno::EAGAIN | Errno::ETOOMANYREFS) => forker.held = Some(parked),
            Err(errno) => return Err(failed("offering a shell")(errno)),
        }
        Ok(())
    }

    /// Reads what this process of the template says, to the last word that is there.
    fn link(&mut self, number: u64) -> Result<(), WardenError> {
        loop {
            let Some(forker) = self.forkers.get_mut(&number) else { return Ok(()) };
            let mut packet = [0; LinkMessage::SIZE];
            let received = match fd::receive(forker.link.as_fd(), &mut packet, Waiting::DontWait) {
                Err(Errno::EAGAIN) => return Ok(()),
                Err(Errno::ECONNRESET) => return self.link_is_down(number),
                result => result.map_err(failed("reading the link"))?,
            };
            if received.length == 0 {
                return self.link_is_down(number);
            }
            match LinkMessage::decode(&packet[..received.length]) {
                Ok(LinkMessage::Twin { pid }) => {
                    let [link] = received.fds.exactly().ok_or(WardenError::Descriptors)?;
                    self.admit(pid, link)?;
                    continue;
                }
                Ok(LinkMessage::Joined { shell, pid }) => {
                    forker.parked -= 1;
                    if let Some([report]) = received.fds.exactly() {
                        self.joined(shell, pid, report)?;
                    }
                }
                Ok(LinkMessage::Wasted { shell }) => {
                    forker.parked -= 1;
                    self.kill(shell);
                }
                Ok(LinkMessage::Parked { .. }) | Err(_) => {
                    return Err(failed("understanding the template")(Errno::EBADMSG));
                }
            }
            if self.forkers.get(&number).is_some_and(|forker| forker.parked * 2 < self.wanted) {
                self.park(number)?;
            }
        }
    }

    /// This process of the template is gone, or going: its end is buried next.
    fn link_is_down(&self, number: u64) -> Result<(), WardenError> {
        let Some(forker) = self.forkers.get(&number) else { return Ok(()) };
        match self.events.delete(&forker.link) {
            // It is noticed again on the way to the burial.
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(failed("letting go of the link")(errno)),
        }
    }

    fn joined(&mut self, number: u64, pid: u32, report: OwnedFd) -> Result<(), WardenError> {
        let Some(shell) = self.shells.get_mut(&number) else { return Ok(()) };
        // No interest in data: a closed other end is always told.
        let hang_up = EpollEvent::new(EpollFlags::empty(), FIRST_SHELL + number);
        self.events.add(&report, hang_up).map_err(failed("watching a report"))?;
        shell.report = Some(report);
        match self.early.remove(&pid) {
            Some(exit) => self.ended(number, exit),
            None => {
                self.roles.insert(pid, Role::Sandbox(number));
            }
        }
        Ok(())
    }

    /// The host has let go of a sandbox.
    fn abandoned(&mut self, number: u64) {
        if let Some(report) = self.shells.get_mut(&number).and_then(|shell| shell.report.take()) {
            let _ = self.events.delete(&report);
        }
        self.kill(number);
    }

    /// Collects every child that has ended.
    fn bury(&mut self) -> Result<(), WardenError> {
        while self.wires.signals.read_signal().map_err(failed("reading signals"))?.is_some() {}
        // What the template said before it or its sandboxes ended.
        let links: Vec<u64> = self.forkers.keys().copied().collect();
        links.into_iter().try_for_each(|link| self.link(link))?;
        loop {
            let (pid, exit) = match reap_any() {
                Ok(Some(ended)) => ended,
                Ok(None) | Err(Errno::ECHILD) => return Ok(()),
                Err(errno) => return Err(failed("reaping")(errno)),
            };
            match self.roles.remove(&pid) {
                Some(Role::Forker) => return Err(WardenError::TemplateEnded(in_words(exit.status))),
                Some(Role::Sandbox(number)) => self.ended(number, exit),
                // With it the report closes, after everything in the shell has gone.
                Some(Role::Init(number)) => {
                    let leaf = match self.shells.remove(&number) {
                        Some(shell) => shell.leaf,
                        None => self.forget_held(number),
                    };
                    if let Some(leaf) = leaf {
                        self.parking.remove(leaf);
                    }
                    self.needy().map_or(Ok(()), |forker| self.park(forker))?;
                }
                None => {
                    self.early.insert(pid, exit);
                }
            }
        }
    }

    /// Its cgroup, of a shell that has ended before it was offered.
    fn forget_held(&mut self, number: u64) -> Option<Leaf> {
        let mut held = self.forkers.values_mut().map(|forker| &mut forker.held);
        held.find_map(|held| held.take_if(|parked| parked.number == number))?.leaf
    }

    /// Tells the host, and ends what is left in the shell.
    fn ended(&mut self, number: u64, exit: Exit) {
        if let Some(Shell { report: Some(report), leaf, .. }) = self.shells.get(&number) {
            let counted = leaf.as_ref().map(Leaf::usage).unwrap_or_default();
            // A host that has let go does not want to know.
            let _ = fd::send(report.as_fd(), &Report::Exited(exit, counted).encode(), &[]);
        }
        self.kill(number);
    }

    fn kill(&self, number: u64) {
        if let Some(shell) = self.shells.get(&number) {
            // All at once where the kernel can; the end of the init is the end of all in any case.
            let _ = shell.leaf.as_ref().map(Leaf::kill);
            // It can only be gone already: this process may signal all below it.
            let _ = pidfd_signal(shell.pidfd.as_fd(), Signal::SIGKILL);
        }
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
