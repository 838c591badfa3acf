//! The two ways to fork, behind one type: decided and checked before, cheap when it counts.

use std::marker::PhantomData;
use std::ops::BitOr;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;

use crate::child::{self, InChild, STARTED, set_mask, start};
use crate::clone::{Cloned, LibcState, Request, clone3};
use crate::exit::Exit;
use crate::freeze::WriteHeavy;
use crate::handle::{Child, pidfd_open};
use crate::step::{Hook, StepFailure};
use crate::threads::{self, NotAlone, Thread, ThreadCount, names};

/// How the child is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Way {
    /// One `clone3` call: namespaces, cgroup, parent and pidfd at once. No at-fork handler runs; libc's cached thread id
    /// and robust list are repaired, and nothing else of libc depends on the process while there is one thread.
    #[default]
    Clone3,
    /// `fork(3)`: every handler registered by `pthread_atfork(3)` runs. For code that relies on them.
    Libc,
}

/// Whose child it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Parent {
    /// The caller's.
    #[default]
    Caller,
    /// The caller's own parent's (`CLONE_PARENT`), who then reaps it. [`Way::Clone3`] only.
    CallersParent,
}

/// What becomes of signal handlers in the child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignalHandlers {
    /// They stay, as after `fork(2)`.
    #[default]
    Keep,
    /// Each is set to its default; with `clone3` by the kernel (`CLONE_CLEAR_SIGHAND`), where ignored signals stay ignored.
    Clear,
}

/// A set of new namespaces for the child. See `namespaces(7)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Namespaces(u64);

impl Namespaces {
    /// None.
    pub const NONE: Self = Self(0);
    /// Process ids: the child is pid 1.
    pub const PID: Self = Self(libc::CLONE_NEWPID.unsigned_abs() as u64);
    /// Mounts.
    pub const MOUNT: Self = Self(libc::CLONE_NEWNS.unsigned_abs() as u64);
    /// System V objects and message queues.
    pub const IPC: Self = Self(libc::CLONE_NEWIPC.unsigned_abs() as u64);
    /// Host name.
    pub const UTS: Self = Self(libc::CLONE_NEWUTS.unsigned_abs() as u64);
    /// Network.
    pub const NET: Self = Self(libc::CLONE_NEWNET.unsigned_abs() as u64);
    /// Users, groups and capabilities.
    pub const USER: Self = Self(libc::CLONE_NEWUSER.unsigned_abs() as u64);
    /// The cgroup root.
    pub const CGROUP: Self = Self(libc::CLONE_NEWCGROUP.unsigned_abs() as u64);
}

impl BitOr for Namespaces {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What a [`ForkPlan`] is to do.
#[derive(Debug, Default)]
pub struct ForkOptions {
    /// How.
    pub way: Way,
    /// Whose child.
    pub parent: Parent,
    /// Signal handlers.
    pub signals: SignalHandlers,
    /// New namespaces; [`Way::Clone3`] only.
    pub namespaces: Namespaces,
    /// The directory of a cgroup (version 2) to be born in; [`Way::Clone3`] only. See [`ForkPlan::set_cgroup`].
    pub cgroup: Option<OwnedFd>,
}

/// Why a fork could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// Threads could not be counted.
    #[error("cannot open /proc/self/task, by which threads are counted; mount /proc")]
    Threads(#[source] Errno),
    /// An option that only `clone3` has.
    #[error("fork(3) can neither make namespaces, nor choose a cgroup or a parent; use Way::Clone3")]
    NeedsClone3,
    /// This C library keeps the thread id where it cannot be found.
    #[error("cannot find where this C library caches the thread id; use Way::Libc")]
    ThreadId,
}

/// Why there is no child.
#[derive(Debug, thiserror::Error)]
pub enum ForkError {
    /// Other threads: what they hold would be held for ever in the child.
    #[error("the process has {} threads and only one survives a fork: {}", .0.len(), names(.0))]
    Threads(Vec<Thread>),
    /// Threads could not be counted.
    #[error("cannot count the threads of this process")]
    Count(#[source] Errno),
    /// Signals could not be blocked.
    #[error("cannot block signals around the fork")]
    Signals(#[source] Errno),
    /// The kernel refused.
    #[error("the kernel did not fork{}", remedy(*errno))]
    Fork {
        /// What it answered.
        #[source]
        errno: Errno,
    },
}

impl From<NotAlone> for ForkError {
    fn from(reason: NotAlone) -> Self {
        match reason {
            NotAlone::Threads(threads) => Self::Threads(threads),
            NotAlone::Count(errno) => Self::Count(errno),
        }
    }
}

fn remedy(errno: Errno) -> &'static str {
    match errno {
        Errno::EAGAIN => " (a limit on processes: RLIMIT_NPROC, pids.max, or kernel.pid_max)",
        Errno::ENOMEM => {
            " (memory: the process is larger than vm.overcommit_memory allows to copy, or a pid namespace ends)"
        }
        Errno::ENOSPC => " (a limit on namespaces, in /proc/sys/user/)",
        Errno::EPERM => " (new namespaces need CAP_SYS_ADMIN in their user namespace)",
        Errno::EACCES | Errno::ENOENT => {
            " (the cgroup: its cgroup.procs and that of the next one above both cgroups must be writable)"
        }
        Errno::EBUSY => " (the cgroup has controllers for its children, or is being removed)",
        Errno::ENOSYS => " (no clone3: a kernel before 5.3, or a filter that hides it; use Way::Libc)",
        _ => "",
    }
}

/// Why a child did not start its work.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// There is no child.
    #[error(transparent)]
    Fork(#[from] ForkError),
    /// The pipe on which the child tells of its start.
    #[error("cannot make or read the child's start-up pipe")]
    Pipe(#[source] Errno),
    /// A step in the child failed; it has left.
    #[error(transparent)]
    Step(#[from] StepFailure),
    /// The child ended before it started its work, without a word.
    #[error("the child ended before it started: {0:?}")]
    Died(Exit),
    /// The end of a child that failed to start could not be collected.
    #[error("cannot collect a child that failed to start")]
    Wait(#[source] Errno),
}

/// Both sides of a fork.
#[derive(Debug)]
pub enum Forked {
    /// The caller goes on, and holds the child.
    Parent(Child),
    /// The child goes on.
    Child(InChild),
}

/// A fork, decided and checked; [`fork`](Self::fork) then costs one `fstat`, two `sigprocmask` and the fork itself.
///
/// It belongs to the thread that prepared it. A child may use its copy of it; after a fork by other means than this
/// crate, prepare a new one.
#[derive(Debug)]
pub struct ForkPlan {
    options: ForkOptions,
    heavy: WriteHeavy,
    libc: LibcState,
    count: ThreadCount,
    not_send: PhantomData<*const ()>,
}

impl ForkPlan {
    /// Checks the options and finds what is needed in the child.
    ///
    /// # Errors
    /// [`PrepareError`].
    pub fn prepare(options: ForkOptions) -> Result<Self, PrepareError> {
        let special = options.parent == Parent::CallersParent
            || options.namespaces != Namespaces::NONE
            || options.cgroup.is_some();
        if options.way == Way::Libc && special {
            return Err(PrepareError::NeedsClone3);
        }
        let libc = LibcState::find().ok_or(PrepareError::ThreadId)?;
        let count = ThreadCount::open().map_err(PrepareError::Threads)?;
        Ok(Self { options, heavy: WriteHeavy::default(), libc, count, not_send: PhantomData })
    }

    /// Sets [`ForkOptions::cgroup`] for the forks that follow, and closes the directory that was set before.
    ///
    /// # Errors
    /// [`PrepareError::NeedsClone3`] for a directory with [`Way::Libc`].
    pub fn set_cgroup(&mut self, cgroup: Option<OwnedFd>) -> Result<(), PrepareError> {
        if self.options.way == Way::Libc && cgroup.is_some() {
            return Err(PrepareError::NeedsClone3);
        }
        self.options.cgroup = cgroup;
        Ok(())
    }

    /// Has each child that is forked from now on copy this memory, into huge pages, before it does anything else: afterwards it
    /// writes there without a fault.
    ///
    /// 100 MiB take some 25 ms, where faults take 50 to 80 ms, and as much memory as is copied, which a cgroup of the child's
    /// counts and limits. What the parent has unmapped since is passed over; so is what there is no memory for.
    ///
    /// # Not checked
    /// Whether the memory is still what it was: a child finds it private, to be read and written, whatever the parent has
    /// made of it since. What `madvise(2)` was told of it the child's copy does not know.
    pub fn set_write_heavy(&mut self, heavy: WriteHeavy) {
        self.heavy = heavy;
    }

    /// What each child copies.
    #[must_use]
    pub fn write_heavy(&self) -> &WriteHeavy {
        &self.heavy
    }

    /// Forks, if this process has one thread.
    ///
    /// # Errors
    /// [`ForkError`]; with more than one thread it names them. One that was joined does not count. One that only left
    /// its `std::thread::scope` may still run its last instructions, and does: join its handle.
    ///
    /// # After fork
    /// The child has all memory and all descriptors of the parent, and every signal blocked; see [`InChild`]. Unflushed
    /// text in buffers exists twice: flush before, or leave the child by `_exit`.
    pub fn fork(&self) -> Result<Forked, ForkError> {
        threads::await_one(&self.count)?;
        // SAFETY: one thread, as was just counted; none can start meanwhile, since this one would have to start it.
        unsafe { self.fork_unchecked() }
    }

    /// Forks, however many threads there are.
    ///
    /// # Errors
    /// [`ForkError`].
    ///
    /// # Safety
    /// The child has only this thread. The caller knows that no other holds anything that the child will want: the
    /// allocator's locks, those of stdio, or its own. Until an exec, call async-signal-safe functions only
    /// (`signal-safety(7)`).
    pub unsafe fn fork_unchecked(&self) -> Result<Forked, ForkError> {
        let mask = block_signals().map_err(ForkError::Signals)?;
        let cloned = match self.options.way {
            // SAFETY: the caller's promise.
            Way::Clone3 => unsafe { clone3(&self.request(), &self.libc) },
            // SAFETY: the caller's promise.
            Way::Libc => unsafe { libc_fork() },
        };
        match cloned {
            Ok(Cloned::Child) => {
                threads::count_fork();
                // SAFETY: this is the fresh fork, and signals are blocked since before it.
                let copied = unsafe { child::heavy::copy(&self.heavy) };
                Ok(Forked::Child(InChild {
                    libc: self.libc,
                    way: self.options.way,
                    signals: self.options.signals,
                    mask,
                    copied,
                    not_send: PhantomData,
                }))
            }
            Ok(Cloned::Parent { pid, pidfd }) => {
                set_mask(&mask).map_err(ForkError::Signals)?;
                Ok(Forked::Parent(Child::new(pid, pidfd)))
            }
            Err(errno) => {
                set_mask(&mask).map_err(ForkError::Signals)?;
                Err(ForkError::Fork { errno })
            }
        }
    }

    /// Forks a child that runs `hook`, then `body`, and leaves with the code that `body` gives.
    ///
    /// Returns when the hook has succeeded. A panic in `body` ends the child with code 101.
    ///
    /// # Errors
    /// [`SpawnError`]; a failed step of the hook comes with its errno, and the child is gone.
    ///
    /// # After fork
    /// `hook` is bound by the child rules. `body` runs with the signal mask of the caller; destructors and exit handlers
    /// of the copied process do not run.
    pub fn spawn(&self, hook: Hook<'_>, body: impl FnOnce() -> u8) -> Result<Child, SpawnError> {
        let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(SpawnError::Pipe)?;
        let mut child = match self.fork()? {
            Forked::Parent(child) => child,
            Forked::Child(fresh) => start(&fresh, (reader, writer), hook, body),
        };
        drop(writer);
        let mut word = [0; StepFailure::LENGTH];
        let length = loop {
            match nix::unistd::read(&reader, &mut word) {
                Err(Errno::EINTR) => {}
                result => break result.map_err(SpawnError::Pipe)?,
            }
        };
        match StepFailure::from_bytes(word) {
            STARTED if length == word.len() => Ok(child),
            failure => {
                let exit = child.wait();
                if length == word.len() {
                    return Err(failure.into());
                }
                Err(SpawnError::Died(exit.map_err(SpawnError::Wait)?))
            }
        }
    }

    fn request(&self) -> Request<'_> {
        Request {
            namespaces: self.options.namespaces.0,
            callers_parent: self.options.parent == Parent::CallersParent,
            clear_handlers: self.options.signals == SignalHandlers::Clear,
            cgroup: self.options.cgroup.as_ref().map(AsFd::as_fd),
        }
    }
}

pub(crate) fn block_signals() -> Result<libc::sigset_t, Errno> {
    // SAFETY: all-zero sets are valid values; `sigfillset` then fills one.
    let (mut all, mut before): (libc::sigset_t, libc::sigset_t) = unsafe { std::mem::zeroed() };
    // SAFETY: both are valid for reading and writing.
    let result = unsafe {
        libc::sigfillset(&raw mut all);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const all, &raw mut before)
    };
    Errno::result(result).map(|_| before)
}

/// # Safety
/// As for [`clone3`].
unsafe fn libc_fork() -> Result<Cloned, Errno> {
    // SAFETY: the caller's promise.
    let pid = Errno::result(unsafe { libc::fork() })?;
    if pid == 0 {
        return Ok(Cloned::Child);
    }
    // Nobody else reaps it, so the number is still its own even if it has ended.
    match pidfd_open(pid.unsigned_abs()) {
        Ok(pidfd) => Ok(Cloned::Parent { pid: pid.unsigned_abs(), pidfd }),
        Err(errno) => {
            abandon(pid);
            Err(errno)
        }
    }
}

/// Ends a child that nobody will hold.
fn abandon(pid: libc::pid_t) {
    // SAFETY: `pid` is a child of this process that was not reaped; no memory is passed.
    unsafe {
        libc::kill(pid, libc::SIGKILL);
        while libc::waitpid(pid, std::ptr::null_mut(), 0) < 0 && Errno::last() == Errno::EINTR {}
    }
}
