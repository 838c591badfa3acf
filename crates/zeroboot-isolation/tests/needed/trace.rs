//! Which system calls a program and all that it starts make. See `ptrace(2)`.

use std::collections::BTreeSet;
use std::mem::MaybeUninit;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::errno::Errno;

use super::common::Outcome;

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Traced {
    pub(crate) calls: BTreeSet<i64>,
    pub(crate) succeeded: bool,
}

/// Runs the program to its end, and that of everything that it leaves. `None`: this machine lets nobody trace.
pub(crate) fn calls(command: &mut Command) -> Outcome<Option<Traced>> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let traceme = || {
        // SAFETY: no memory is passed.
        Errno::result(unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) })?;
        Ok(())
    };
    // SAFETY: needed to be traced from the start. What it runs between fork and exec is one system call.
    let spawned = unsafe { command.pre_exec(traceme) }.spawn();
    let first = match spawned {
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => return Ok(None),
        spawned => libc::pid_t::try_from(spawned?.id())?,
    };
    // It stands behind its execve.
    wait(first)?;
    let options = libc::PTRACE_O_EXITKILL
        | libc::PTRACE_O_TRACESYSGOOD
        | libc::PTRACE_O_TRACEFORK
        | libc::PTRACE_O_TRACEVFORK
        | libc::PTRACE_O_TRACECLONE
        | libc::PTRACE_O_TRACEEXEC;
    request(libc::PTRACE_SETOPTIONS, first, options)?;
    request(libc::PTRACE_SYSCALL, first, 0)?;
    let mut traced = Traced::default();
    let mut known = BTreeSet::from([first]);
    loop {
        let (pid, status) = match wait(-1) {
            Err(Errno::ECHILD) => return Ok(Some(traced)),
            waited => waited?,
        };
        if !libc::WIFSTOPPED(status) {
            known.remove(&pid);
            if pid == first {
                traced.succeeded = status == 0;
            }
            continue;
        }
        let signal = libc::WSTOPSIG(status);
        let is_event = status >> 16 != 0;
        let deliver = if signal == libc::SIGTRAP | 0x80 {
            traced.calls.extend(entered(pid)?);
            0
        } else if is_event || (known.insert(pid) && signal == libc::SIGSTOP) {
            // An event of the tracing itself, or the stop in which a new process or thread starts.
            0
        } else {
            signal
        };
        match request(libc::PTRACE_SYSCALL, pid, deliver) {
            // Killed meanwhile: the next wait says so.
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// The call that it stands before, if it does not stand behind one.
fn entered(pid: libc::pid_t) -> Outcome<Option<i64>> {
    let mut info = MaybeUninit::<libc::ptrace_syscall_info>::zeroed();
    // SAFETY: the kernel writes at most this size to valid memory.
    let got =
        unsafe { libc::ptrace(libc::PTRACE_GET_SYSCALL_INFO, pid, size_of_val(&info), info.as_mut_ptr()) };
    match Errno::result(got) {
        Err(Errno::ESRCH) => return Ok(None),
        got => got?,
    };
    // SAFETY: plain old data, for which zeros are a value; the kernel has filled it in up to where it is said to be.
    let info = unsafe { info.assume_init() };
    if info.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
        return Ok(None);
    }
    // SAFETY: `op` says which member of the union there is.
    let number = unsafe { info.u.entry.nr };
    Ok(Some(number.cast_signed()))
}

fn request(request: libc::c_uint, pid: libc::pid_t, data: libc::c_int) -> Result<(), Errno> {
    // SAFETY: the requests that this file makes with it take a number and no memory.
    Errno::result(unsafe { libc::ptrace(request, pid, 0, libc::c_long::from(data)) }).map(drop)
}

fn wait(pid: libc::pid_t) -> Result<(libc::pid_t, libc::c_int), Errno> {
    let mut status = 0;
    // SAFETY: `status` is valid for writing.
    let pid = unsafe { libc::waitpid(pid, &raw mut status, libc::__WALL) };
    Errno::result(pid).map(|pid| (pid, status))
}
