//! Processes, threads, signals and limits.

use nix::errno::Errno;

use super::any;
use crate::child::OwnUser;
use crate::filter::table::{Arguments, Condition, Rule, Under};

/// What the C libraries' `fork`, `vfork`, `posix_spawn` and `pthread_create`, and the run-times of Go and Rust, ask of
/// `clone`.
const CLONE_FLAGS: u32 = (libc::CLONE_VM
    | libc::CLONE_FS
    | libc::CLONE_FILES
    | libc::CLONE_SYSVSEM
    | libc::CLONE_SIGHAND
    | libc::CLONE_THREAD
    | libc::CLONE_SETTLS
    | libc::CLONE_PARENT_SETTID
    | libc::CLONE_CHILD_CLEARTID
    | libc::CLONE_CHILD_SETTID
    | libc::CLONE_DETACHED
    | libc::CLONE_VFORK) as u32;

/// `clone`.
pub(in crate::filter) const CLONE: Arguments = Arguments {
    why: "flags that neither threads nor subprocesses need: new namespaces, a parent of one's own choice, \
          tracing; and any other signal than SIGCHLD at the end of a process",
    pass: &[
        // A process. The low eight bits are the signal.
        any(&[Condition::Masked(0, !CLONE_FLAGS, &[libc::SIGCHLD as u32])]),
        // A thread, which has none.
        any(&[Condition::Masked(0, !CLONE_FLAGS | libc::CLONE_THREAD as u32, &[libc::CLONE_THREAD as u32])]),
    ],
    ignored: &[],
    otherwise: Errno::EPERM,
};

const FUTEX_LOCK_PI2: u32 = 13;

/// `futex`.
pub(in crate::filter) const FUTEX: Arguments = Arguments {
    why: "operations that no C library uses any more: descriptors of a futex, and requeueing to those with priority \
          inheritance, code with a history",
    pass: &[any(&[Condition::Masked(
        1,
        !(libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME) as u32,
        &[
            libc::FUTEX_WAIT as u32,
            libc::FUTEX_WAKE as u32,
            libc::FUTEX_WAIT_BITSET as u32,
            libc::FUTEX_WAKE_BITSET as u32,
            libc::FUTEX_REQUEUE as u32,
            libc::FUTEX_CMP_REQUEUE as u32,
            libc::FUTEX_WAKE_OP as u32,
            libc::FUTEX_LOCK_PI as u32,
            libc::FUTEX_UNLOCK_PI as u32,
            libc::FUTEX_TRYLOCK_PI as u32,
            FUTEX_LOCK_PI2,
        ],
    )])],
    ignored: &[],
    otherwise: Errno::ENOSYS,
};

/// `membarrier`.
pub(in crate::filter) const BARRIER: Arguments = Arguments {
    why: "barriers for the whole machine, which interrupt every processor",
    pass: &[any(&[Condition::OneOf(
        0,
        &[
            libc::MEMBARRIER_CMD_QUERY as u32,
            libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED as u32,
            libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED as u32,
            libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE as u32,
            libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE as u32,
            libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ as u32,
            libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ as u32,
        ],
    )])],
    ignored: &[],
    otherwise: Errno::EINVAL,
};

/// `prctl`.
pub(in crate::filter) const PROCESS_OPTION: Arguments = Arguments {
    why: "options that neither run-times nor the hardening use; becoming dumpable again, since a crash would hand the \
          template's memory to the host's core handler",
    pass: &[
        any(&[Condition::OneOf(
            0,
            &[
                libc::PR_SET_NAME as u32,
                libc::PR_GET_NAME as u32,
                libc::PR_SET_VMA as u32,
                libc::PR_SET_PDEATHSIG as u32,
                libc::PR_GET_PDEATHSIG as u32,
                libc::PR_GET_DUMPABLE as u32,
                libc::PR_GET_KEEPCAPS as u32,
                libc::PR_GET_SECCOMP as u32,
                libc::PR_CAPBSET_READ as u32,
                libc::PR_GET_SECUREBITS as u32,
                libc::PR_SET_TIMERSLACK as u32,
                libc::PR_GET_TIMERSLACK as u32,
                libc::PR_SET_CHILD_SUBREAPER as u32,
                libc::PR_GET_CHILD_SUBREAPER as u32,
                libc::PR_SET_NO_NEW_PRIVS as u32,
                libc::PR_GET_NO_NEW_PRIVS as u32,
                libc::PR_SET_THP_DISABLE as u32,
                libc::PR_GET_THP_DISABLE as u32,
                libc::PR_CAP_AMBIENT as u32,
                libc::PR_GET_MEMORY_MERGE as u32,
            ],
        )]),
        any(&[Condition::OneOf(0, &[libc::PR_SET_DUMPABLE as u32]), Condition::Null(1)]),
    ],
    ignored: &[],
    otherwise: Errno::EPERM,
};

/// `personality`.
pub(in crate::filter) const PERSONALITY: Arguments = Arguments {
    why: "anything but the default and the query (0xffffffff): emulation and weaker address layouts",
    pass: &[any(&[Condition::OneOf(0, &[0, u32::MAX])])],
    ignored: &[],
    otherwise: Errno::EPERM,
};

/// `arch_prctl`: the thread's own data, and the state that processors save for matrices (`ARCH_GET_XCOMP_SUPP`,
/// `ARCH_GET_XCOMP_PERM`, `ARCH_REQ_XCOMP_PERM`).
#[cfg(target_arch = "x86_64")]
pub(in crate::filter) const ARCHITECTURE: Arguments = Arguments {
    why: "what no loader needs; C libraries ask for shadow stacks, and take EINVAL for a kernel without them",
    pass: &[any(&[Condition::OneOf(0, &[0x1002, 0x1003, 0x1021, 0x1022, 0x1023])])],
    ignored: &[],
    otherwise: Errno::EINVAL,
};

/// `KEYCTL_JOIN_SESSION_KEYRING`.
pub(crate) const JOIN_SESSION_KEYRING: u32 = 1;

/// `keyctl`.
pub(in crate::filter) const KEYRING: Arguments = Arguments {
    why: "everything but joining a new session keyring, which the hardening does",
    pass: &[any(&[Condition::OneOf(0, &[JOIN_SESSION_KEYRING])])],
    ignored: &[],
    otherwise: Errno::EPERM,
};

/// `seccomp`.
pub(in crate::filter) const FURTHER_FILTER: Arguments = Arguments {
    why: "flags: a listener, or a filter forced upon other threads",
    pass: &[
        any(&[Condition::OneOf(0, &[libc::SECCOMP_SET_MODE_FILTER]), Condition::Null(1)]),
        any(&[Condition::OneOf(0, &[libc::SECCOMP_SET_MODE_STRICT, libc::SECCOMP_GET_ACTION_AVAIL])]),
    ],
    ignored: &[],
    otherwise: Errno::EPERM,
};

/// All but the size of core files.
const LIMITS: &[u32] = &[0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const CORE: &[u32] = &[libc::RLIMIT_CORE];
const LIMIT_WHY: &str = "the limit of core files: with 1 no crash reaches the host's core handler, with 0 it would. Who sets it,                          as GnuPG does before it holds a secret, wants no core, and has none: it may go on";

/// `setrlimit`.
pub(in crate::filter) const LIMIT: Arguments = Arguments {
    why: LIMIT_WHY,
    pass: &[any(&[Condition::OneOf(0, LIMITS)])],
    ignored: &[any(&[Condition::OneOf(0, CORE)])],
    otherwise: Errno::EINVAL,
};

/// The calling process. Another one may be the init of the sandbox, which has its user id where there is but one.
const ITSELF: Condition = Condition::OneOf(0, &[0]);

/// `prlimit64`, which may read them all. One that asks for the old limit as well is refused: the filter cannot
/// write it.
pub(in crate::filter) const LIMIT_OF: Arguments = Arguments {
    why: LIMIT_WHY,
    pass: &[any(&[Condition::Null(2)]), any(&[ITSELF, Condition::OneOf(1, LIMITS)])],
    ignored: &[any(&[ITSELF, Condition::OneOf(1, CORE), Condition::Null(3)])],
    otherwise: Errno::EPERM,
};

/// Real-time signals queue, and the kernel counts what is queued for the user: where all sandboxes are one user, one of them
/// could leave the others none. The C libraries need the first two of them, to cancel threads among other things.
const LAST_OF_LIBC: u32 = 33;
const QUEUE_WHY: &str = "where all sandboxes are one user: signals that queue, and so take the others' share";
const WITH_OWN_USER: Rule = Rule { under: Under::User(OwnUser::Yes), conditions: &[] };

/// `rt_sigqueueinfo`.
pub(in crate::filter) const QUEUED_SIGNAL: Arguments =
    Arguments { why: QUEUE_WHY, pass: &[WITH_OWN_USER], ignored: &[], otherwise: Errno::EPERM };

/// `kill`, `tkill` and `pidfd_send_signal`.
pub(in crate::filter) const SECOND_SIGNAL: Arguments = Arguments {
    why: QUEUE_WHY,
    pass: &[WITH_OWN_USER, any(&[Condition::AtMost(1, LAST_OF_LIBC)])],
    ignored: &[],
    otherwise: Errno::EPERM,
};

/// `tgkill`.
pub(in crate::filter) const THIRD_SIGNAL: Arguments = Arguments {
    why: QUEUE_WHY,
    pass: &[WITH_OWN_USER, any(&[Condition::AtMost(2, LAST_OF_LIBC)])],
    ignored: &[],
    otherwise: Errno::EPERM,
};
