//! The parent's hold on a child: a pidfd, which never means another process.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::signal::Signal;

use crate::exit::{Exit, ExitStatus, Usage, low_byte};

/// A child process, held by its pidfd.
///
/// Dropping it neither kills nor reaps: a child that nobody waits for stays a zombie until its parent ends.
#[derive(Debug)]
pub struct Child {
    pid: u32,
    pidfd: OwnedFd,
    exit: Option<Exit>,
}

impl Child {
    pub(crate) fn new(pid: u32, pidfd: OwnedFd) -> Self {
        Self { pid, pidfd, exit: None }
    }

    /// Its number in the parent's pid namespace. After the child was reaped, another process may have it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for its end; the answer is kept, so asking again is free. See `waitid(2)`.
    ///
    /// # Errors
    /// `ECHILD` when this process is not its parent: it was made with [`Parent::CallersParent`](crate::Parent), or
    /// this handle was inherited by a fork. Also when `SIGCHLD` is ignored, since the kernel then reaps by itself.
    pub fn wait(&mut self) -> Result<Exit, Errno> {
        loop {
            match self.collect(0) {
                Ok(Some(exit)) => return Ok(exit),
                Ok(None) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }

    /// Its end, if it has ended.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn try_wait(&mut self) -> Result<Option<Exit>, Errno> {
        self.collect(libc::WNOHANG)
    }

    /// Sends `SIGKILL`. Of a process that has ended already: nothing happens.
    ///
    /// # Errors
    /// `EPERM` when the child has become somebody else.
    pub fn kill(&self) -> Result<(), Errno> {
        match pidfd_signal(self.pidfd.as_fd(), Signal::SIGKILL) {
            Err(Errno::ESRCH) => Ok(()),
            result => result,
        }
    }

    /// Its pid and its pidfd, for passing on.
    #[must_use]
    pub fn into_parts(self) -> (u32, OwnedFd) {
        (self.pid, self.pidfd)
    }

    fn collect(&mut self, flags: libc::c_int) -> Result<Option<Exit>, Errno> {
        if self.exit.is_none() {
            self.exit = wait_pidfd(self.pidfd.as_fd(), libc::WEXITED | flags)?;
        }
        Ok(self.exit)
    }
}

impl AsFd for Child {
    /// The pidfd: readable once the child has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

/// Collects a child that has ended, by its pidfd, without waiting; `None` while it lives. For a reaper that holds pidfds which
/// came from elsewhere; where a [`Child`] exists, ask that. See `waitid(2)`.
///
/// # Errors
/// `ECHILD` when it is no child of this process, or was collected before.
pub fn reap(pidfd: BorrowedFd<'_>) -> Result<Option<Exit>, Errno> {
    wait_pidfd(pidfd, libc::WEXITED | libc::WNOHANG)
}

fn wait_pidfd(pidfd: BorrowedFd<'_>, flags: libc::c_int) -> Result<Option<Exit>, Errno> {
    // SAFETY: an all-zero value is a valid `siginfo_t` and a valid `rusage`.
    let (mut info, mut usage): (libc::siginfo_t, libc::rusage) = unsafe { std::mem::zeroed() };
    // SAFETY: the raw call, since libc's wrapper hides its fifth argument; info and usage are valid for writing.
    let result = unsafe {
        libc::syscall(
            libc::SYS_waitid,
            libc::P_PIDFD,
            pidfd.as_raw_fd(),
            &raw mut info,
            flags,
            &raw mut usage,
        )
    };
    Errno::result(result)?;
    // SAFETY: after a successful waitid the kernel has filled the fields of SIGCHLD, or left them zero.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    if pid == 0 {
        return Ok(None);
    }
    let status = match info.si_code {
        libc::CLD_EXITED => ExitStatus::Exited(low_byte(status)),
        code => ExitStatus::Signaled { signal: status, core_dumped: code == libc::CLD_DUMPED },
    };
    Ok(Some(Exit { status, usage: Usage::from_raw(&usage) }))
}

/// A pidfd of process `pid`, close-on-exec. See `pidfd_open(2)`.
///
/// # Errors
/// `ESRCH` when there is no such process; `EMFILE`.
pub fn pidfd_open(pid: u32) -> Result<OwnedFd, Errno> {
    let no_flags = 0;
    // SAFETY: no memory is passed; libc has no wrapper.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, no_flags) })?;
    let fd = i32::try_from(fd).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just given us this descriptor, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A copy of a descriptor that another process has, by its number there, close-on-exec. See `pidfd_getfd(2)`, Linux 5.6.
///
/// # Errors
/// `ESRCH` when the process has ended, `EBADF` when it has no such descriptor, `EPERM` when this one may not trace it.
pub fn pidfd_get(pidfd: BorrowedFd<'_>, number: RawFd) -> Result<OwnedFd, Errno> {
    let no_flags: libc::c_uint = 0;
    // SAFETY: needed since libc has no wrapper. No memory is passed.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), number, no_flags) };
    let fd = i32::try_from(Errno::result(fd)?).map_err(|_| Errno::EBADF)?;
    // SAFETY: needed to own it. The kernel has just given us this descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Whether a process has been reaped: until then no other process has its number. A zombie has not been reaped. See `pidfd_send_signal(2)`.
#[must_use]
pub fn is_reaped(pidfd: BorrowedFd<'_>) -> bool {
    // The right to signal it is asked for after the process itself.
    send_signal(pidfd, 0) == Err(Errno::ESRCH)
}

/// Sends a signal to the process behind a pidfd. See `pidfd_send_signal(2)`.
///
/// # Errors
/// `ESRCH` when it has ended, `EPERM`.
pub fn pidfd_signal(pidfd: BorrowedFd<'_>, signal: Signal) -> Result<(), Errno> {
    send_signal(pidfd, signal as libc::c_int)
}

fn send_signal(pidfd: BorrowedFd<'_>, signal: libc::c_int) -> Result<(), Errno> {
    let no_flags = 0;
    // SAFETY: a null siginfo is allowed: the kernel fills one as kill(2) would. libc has no wrapper.
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            std::ptr::null::<libc::siginfo_t>(),
            no_flags,
        )
    };
    Errno::result(result).map(drop)
}
