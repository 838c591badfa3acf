//! What a sandbox does to itself between the fork and user code.
//!
//! [`Prepared`] is built in the template and may allocate. [`Prepared::apply`] runs in the child and obeys the child
//! rules: system calls only, no allocation, no lock, no formatting, no panic, no destructor.
//!
//! The order, and the reason for it, stand on [`Step`]. Never here: what a child can inherit from a sealed template
//! ([`crate::template`]), and joining the pid namespace, which the template does before the fork.

mod calls;
mod stamps;
mod step;

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit};

pub use calls::drop_capabilities;
pub(crate) use calls::{Blocked, close_range, keep_capabilities, set_signal_mask};
pub use stamps::{Keyring, MonotonicNanos, Stamps};
pub use step::{Failure, Step};

use crate::filter::{CompiledFilter, Filters};
use crate::landlock::{LandlockError, RulePlan, restrict};
use crate::policy::{Limits, Network, Policy, Protection, Protections, Rule, UserId};
use crate::quotas::LEAST_OPEN_FILES;
use crate::template::{join_session_keyring, prctl};

/// Where the channel lies in a sandbox; 0 to 2 are the standard streams, and there is nothing else.
pub const CHANNEL: RawFd = 3;

/// The first descriptor that a sandbox does not keep.
const ABOVE_CHANNEL: libc::c_uint = CHANNEL.unsigned_abs() + 1;

/// Why the plan for a sandbox could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// Reading one of the template's limits.
    #[error("cannot read the template's limit {limit:?}")]
    ReadLimit {
        /// Which.
        limit: Resource,
        /// What the kernel answered.
        source: Errno,
    },
    /// How much memory the template has, which its sandboxes start with.
    #[error("cannot read the size of the template from /proc/self/status")]
    Data(#[source] std::io::Error),
    /// Too few descriptors to place the standard streams and the channel.
    #[error("a sandbox needs a limit of at least {LEAST_OPEN_FILES} open files, not {0}")]
    OpenFiles(u64),
    /// The rules of Landlock, which the policy requires.
    #[error(transparent)]
    Landlock(#[from] LandlockError),
}

/// Everything that a sandbox does to itself, decided beforehand.
#[derive(Debug, Clone)]
pub struct Prepared {
    protections: Protections,
    network: Network,
    landlock: Option<RulePlan>,
    delta: Option<CompiledFilter>,
    limits: [(Resource, libc::rlimit); 4],
    processes: libc::rlimit,
    #[cfg(feature = "failure-injection")]
    inject: Option<Step>,
}

/// Whether a sandbox's user id differs from the template's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OwnUser {
    /// It takes another user and group, and has a limit of processes.
    Yes,
    /// There is only one user id in the user namespace: it keeps the template's. A limit of processes would count
    /// the siblings as well, so there is none.
    No,
}

/// Where one sandbox goes.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The pidfd of the parked shell's init. The kernel lets a process join only what it may also look at (see
    /// `ptrace(2)`, access mode checking): the init must have the template's user id, be dumpable, and hold no
    /// capability that the template does not hold.
    pub shell: BorrowedFd<'a>,
    /// The Landlock rules that the shell made, if the policy wants them.
    pub rules: Option<BorrowedFd<'a>>,
    /// User and group id inside the user namespace.
    pub user: UserId,
    /// Whether [`user`](Self::user) has to be taken.
    pub own_user: OwnUser,
    /// Becomes descriptor 0.
    pub stdin: BorrowedFd<'a>,
    /// Becomes descriptor 1.
    pub stdout: BorrowedFd<'a>,
    /// Becomes descriptor 2.
    pub stderr: BorrowedFd<'a>,
    /// Becomes descriptor [`CHANNEL`], close-on-exec.
    pub channel: BorrowedFd<'a>,
}

impl Place<'_> {
    /// Where the channel is after this failure: once the descriptors were placed, at [`CHANNEL`].
    pub fn channel_after(&self, failure: Failure) -> BorrowedFd<'_> {
        if failure.step.id() > Step::Descriptors.id() { Hardened(()).channel() } else { self.channel }
    }
}

/// The proof that [`Prepared::apply`] has succeeded in this process.
#[derive(Debug)]
pub struct Hardened(());

impl Hardened {
    /// The socket at [`CHANNEL`].
    pub fn channel(&self) -> BorrowedFd<'static> {
        // SAFETY: needed since nothing in this process owns it: `apply` has put the channel at this number. User code
        // that closes it gets errors from the kernel and nothing worse: the process has nothing else at stake.
        unsafe { BorrowedFd::borrow_raw(CHANNEL) }
    }
}

impl Prepared {
    /// Decides limits and filter. Called in the template: no limit goes beyond the template's own hard limit. No filters:
    /// the policy waives them.
    ///
    /// # Errors
    /// [`PrepareError`].
    pub fn new(policy: &Policy, filters: Option<&Filters>) -> Result<Self, PrepareError> {
        let asked = &policy.limits;
        let open_files = within_hard_limit(Resource::RLIMIT_NOFILE, asked.open_files)?;
        if open_files.1.rlim_cur < LEAST_OPEN_FILES {
            return Err(PrepareError::OpenFiles(open_files.1.rlim_cur));
        }
        let file_size = asked.file_size.map_or(libc::RLIM_INFINITY, |size| size.0);
        let memory = match asked.memory {
            Some(size) => own_data().map_err(PrepareError::Data)?.saturating_add(size.0),
            None => libc::RLIM_INFINITY,
        };
        Ok(Self {
            protections: policy.protections,
            network: policy.network,
            landlock: RulePlan::new(policy)?,
            delta: filters.map(|filters| filters.delta.clone()),
            limits: [
                open_files,
                within_hard_limit(Resource::RLIMIT_FSIZE, file_size)?,
                within_hard_limit(Resource::RLIMIT_DATA, memory)?,
                within_hard_limit(Resource::RLIMIT_MEMLOCK, Limits::LOCKED_MEMORY.0)?,
            ],
            processes: within_hard_limit(Resource::RLIMIT_NPROC, asked.processes)?.1,
            #[cfg(feature = "failure-injection")]
            inject: None,
        })
    }

    /// Makes [`apply`](Self::apply) fail at this step, before it does anything there, with `ECANCELED`. For tests.
    #[cfg(feature = "failure-injection")]
    #[must_use]
    pub fn fail_at(mut self, step: Step) -> Self {
        self.inject = Some(step);
        self
    }

    /// Hardens the calling process. On success it holds nothing but descriptors 0 to 3, in the home directory of a
    /// shell, without any capability, and below both filters.
    ///
    /// The caller is a fresh fork of a [sealed](crate::template::Bounded::seal) template, with one thread, and
    /// already in the shell's pid namespace.
    ///
    /// # Errors
    /// The first step that failed. The process is half hardened then and must leave by `_exit`.
    ///
    /// # After fork
    /// System calls only. Every descriptor of the template but the four is closed under its owner, so no owner of
    /// one may be dropped afterwards: the child never returns into the template's code, and leaves by `_exit`.
    pub fn apply(&self, place: &Place<'_>, stamps: &mut Stamps) -> Result<Hardened, Failure> {
        stamps.begin();
        let mut run = |step: Step, action: &mut dyn FnMut() -> Result<(), Errno>| {
            self.injected(step)?;
            action().map_err(|errno| Failure::new(step, errno))?;
            stamps.mark(step);
            Ok(())
        };
        let mut keyring = Keyring::Own;

        run(Step::JoinNamespaces, &mut || calls::join(place.shell, self.network, &self.protections))?;
        if self.protections.wants(Protection::Session) {
            run(Step::NewSession, &mut calls::new_session)?;
        }
        run(Step::Limits, &mut || self.limit(place.own_user))?;
        if place.own_user == OwnUser::Yes {
            run(Step::Groups, &mut calls::no_groups)?;
            run(Step::Group, &mut || calls::take_group(place.user))?;
            run(Step::User, &mut || calls::take_user(place.user))?;
        }
        match self.protections.rule(Protection::Keyring) {
            Rule::Waive => keyring = Keyring::Templates,
            Rule::Require => run(Step::Keyring, &mut join_session_keyring)?,
            Rule::Prefer => run(Step::Keyring, &mut || match join_session_keyring() {
                Err(Errno::ENOSYS | Errno::EDQUOT) => {
                    keyring = Keyring::Templates;
                    Ok(())
                }
                result => result,
            })?,
        }
        run(Step::WorkingDirectory, &mut calls::enter_home)?;
        if self.protections.wants(Protection::Capabilities) {
            run(Step::Capabilities, &mut drop_capabilities)?;
        }
        run(Step::Dumpable, &mut || prctl(libc::PR_SET_DUMPABLE, 0))?;
        if self.landlock.is_some() {
            // A shell without rules is not one of this policy.
            run(Step::Landlock, &mut || place.rules.ok_or(Errno::EBADF).and_then(restrict))?;
        }
        run(Step::Descriptors, &mut || {
            let sources = [place.stdin, place.stdout, place.stderr, place.channel];
            calls::place_descriptors(sources.map(|source| source.as_raw_fd()))
        })?;
        run(Step::CloseOthers, &mut || close_range(ABOVE_CHANNEL, libc::c_uint::MAX))?;
        run(Step::Signals, &mut || set_signal_mask(Blocked::None))?;
        if let Some(delta) = &self.delta {
            run(Step::Filter, &mut || delta.install())?;
        }
        run(Step::ReadBack, &mut || calls::read_back(self.protections))?;
        stamps.set_keyring(keyring);
        stamps.set_landlock(self.landlock.as_ref().map(RulePlan::abi));
        Ok(Hardened(()))
    }

    fn limit(&self, own_user: OwnUser) -> Result<(), Errno> {
        for (resource, limit) in &self.limits {
            calls::set_limit(*resource, limit)?;
        }
        match own_user {
            OwnUser::Yes if self.protections.wants(Protection::ProcessLimit) => {
                calls::set_limit(Resource::RLIMIT_NPROC, &self.processes)
            }
            OwnUser::Yes | OwnUser::No => Ok(()),
        }
    }

    #[cfg(feature = "failure-injection")]
    fn injected(&self, step: Step) -> Result<(), Failure> {
        if self.inject == Some(step) { Err(Failure::new(step, Errno::ECANCELED)) } else { Ok(()) }
    }

    #[cfg(not(feature = "failure-injection"))]
    fn injected(&self, _step: Step) -> Result<(), Failure> {
        Ok(())
    }
}

/// What the calling process has in private writable mappings, in bytes. See `VmData` in `proc_pid_status(5)`.
fn own_data() -> Result<u64, std::io::Error> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:"));
    let kib = line.and_then(|line| line.split_ascii_whitespace().next()).and_then(|kib| kib.parse().ok());
    kib.and_then(|kib: u64| kib.checked_mul(1 << 10)).ok_or_else(|| std::io::Error::other("no line VmData"))
}

/// Raising a hard limit would need `CAP_SYS_RESOURCE`, which a template does not have.
fn within_hard_limit(limit: Resource, asked: u64) -> Result<(Resource, libc::rlimit), PrepareError> {
    let (_, hard) = getrlimit(limit).map_err(|source| PrepareError::ReadLimit { limit, source })?;
    let value = asked.min(hard);
    Ok((limit, libc::rlimit { rlim_cur: value, rlim_max: value }))
}
