//! The two tables behind the base filter: system calls that exist in a sandbox, and those that are refused.
//!
//! Data only, grouped by reason, so that documentation can be made from it. A call in neither table is unknown to
//! the filter and answers `ENOSYS`.

use crate::policy::Network;

/// One system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    symbol: &'static str,
    /// Its number on the architecture that this was compiled for.
    pub number: libc::c_long,
}

impl Call {
    /// Its name, as in its man page.
    pub fn name(&self) -> &'static str {
        self.symbol.strip_prefix("SYS_").unwrap_or(self.symbol)
    }
}

/// System calls with one reason.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// What they are.
    pub title: &'static str,
    /// Why they stand in this table.
    pub why: &'static str,
    /// The calls.
    pub calls: &'static [Call],
}

macro_rules! call {
    ($symbol:ident) => {
        Call { symbol: stringify!($symbol), number: libc::$symbol }
    };
}

macro_rules! group {
    ($title:literal, $why:literal, $($symbol:ident)*) => {
        Group { title: $title, why: $why, calls: &[$(call!($symbol)),*] }
    };
}

/// Arguments that are refused: with any others the call passes.
#[derive(Debug, Clone, Copy)]
pub struct Condition {
    /// The call; it stands in [`ALLOWED`] as well.
    pub call: Call,
    /// Why.
    pub why: &'static str,
    /// What is refused.
    pub refused: Refused,
    /// The one network with which it is refused; `None`: always.
    pub only: Option<Network>,
}

/// Refused values of an argument, which is named by its place from 0.
///
/// All but pointers are compared by their low 32 bits, as the kernel reads them: high bits must not hide a value.
#[derive(Debug, Clone, Copy)]
pub enum Refused {
    /// One of these values.
    AnyOf(u8, &'static [u32]),
    /// Any value but these.
    OtherThan(u8, &'static [u32]),
    /// Any of these bits.
    AnyBit(u8, &'static [u32]),
    /// One of these values below a mask.
    Masked(u8, u32, &'static [u32]),
    /// A pointer that is not null.
    NotNull(u8),
    /// Argument 0 is this value while argument 1 is not zero.
    FirstWithSecond(u32),
}

/// What exists in a sandbox. Calls whose arguments decide are here as well; see [`CONDITIONS`].
pub const ALLOWED: &[Group] = &[
    group!(
        "files",
        "Reading and writing below a read-only tree with private writable mounts; the mount namespace is the wall.",
        SYS_read SYS_write SYS_pread64 SYS_pwrite64 SYS_readv SYS_writev SYS_preadv SYS_pwritev SYS_preadv2
        SYS_pwritev2 SYS_openat SYS_openat2 SYS_close SYS_close_range SYS_lseek SYS_fstat SYS_newfstatat SYS_statx
        SYS_statfs SYS_fstatfs SYS_getdents64 SYS_getcwd SYS_chdir SYS_fchdir SYS_mkdirat SYS_mknodat SYS_linkat
        SYS_symlinkat SYS_readlinkat SYS_unlinkat SYS_renameat SYS_renameat2 SYS_faccessat SYS_faccessat2 SYS_fchmod
        SYS_fchmodat SYS_fchmodat2 SYS_fchown SYS_fchownat SYS_umask SYS_truncate SYS_ftruncate SYS_fallocate
        SYS_utimensat SYS_fsync SYS_fdatasync SYS_syncfs SYS_sync_file_range SYS_fadvise64 SYS_readahead SYS_sendfile
        SYS_copy_file_range SYS_splice SYS_tee SYS_flock SYS_fcntl SYS_ioctl SYS_dup SYS_dup3 SYS_pipe2
        SYS_getxattr SYS_lgetxattr SYS_fgetxattr SYS_listxattr SYS_llistxattr SYS_flistxattr
        SYS_setxattr SYS_lsetxattr SYS_fsetxattr SYS_removexattr SYS_lremovexattr SYS_fremovexattr
    ),
    group!(
        "memory",
        "Allocators and loaders; writable and executable mappings stay possible, since JIT compilers need them.",
        SYS_brk SYS_mmap SYS_munmap SYS_mremap SYS_mprotect SYS_madvise SYS_msync SYS_mincore SYS_mlock SYS_mlock2
        SYS_munlock SYS_mlockall SYS_munlockall SYS_memfd_create SYS_membarrier SYS_mseal SYS_pkey_alloc
        SYS_pkey_free SYS_pkey_mprotect
    ),
    group!(
        "processes",
        "Threads, subprocesses and their end. New namespaces are refused by the flags of clone; clone3, whose flags \
         lie in memory, is for the template alone and goes with the delta filter.",
        SYS_clone SYS_clone3 SYS_execve SYS_execveat SYS_exit SYS_exit_group SYS_wait4 SYS_waitid SYS_getpid
        SYS_getppid SYS_gettid SYS_getpgid SYS_setpgid SYS_getsid SYS_setsid SYS_set_tid_address
        SYS_set_robust_list SYS_get_robust_list SYS_rseq SYS_futex SYS_futex_waitv SYS_pidfd_open
        SYS_pidfd_send_signal SYS_restart_syscall SYS_prctl SYS_personality SYS_setns
    ),
    group!(
        "signals",
        "Ordinary signal handling; the pid namespace bounds whom they reach.",
        SYS_rt_sigaction SYS_rt_sigprocmask SYS_rt_sigreturn SYS_rt_sigpending SYS_rt_sigtimedwait
        SYS_rt_sigqueueinfo SYS_rt_tgsigqueueinfo SYS_rt_sigsuspend SYS_sigaltstack SYS_kill SYS_tkill SYS_tgkill
    ),
    group!(
        "identity and limits",
        "Worthless without capabilities, and called by the hardening itself and by ordinary shells.",
        SYS_getuid SYS_geteuid SYS_getgid SYS_getegid SYS_getresuid SYS_getresgid SYS_getgroups SYS_setuid SYS_setgid
        SYS_setreuid SYS_setregid SYS_setresuid SYS_setresgid SYS_setgroups SYS_setfsuid SYS_setfsgid SYS_capget
        SYS_capset SYS_keyctl SYS_getrlimit SYS_setrlimit SYS_prlimit64 SYS_getrusage SYS_getpriority SYS_setpriority
        SYS_ioprio_get SYS_ioprio_set
    ),
    group!(
        "more walls",
        "A sandbox may bind itself further; it cannot take anything back.",
        SYS_seccomp SYS_landlock_create_ruleset SYS_landlock_add_rule SYS_landlock_restrict_self
    ),
    group!(
        "events",
        "Event loops over pipes and socket pairs.",
        SYS_ppoll SYS_pselect6 SYS_epoll_create1 SYS_epoll_ctl SYS_epoll_pwait SYS_epoll_pwait2 SYS_eventfd2
        SYS_signalfd4 SYS_timerfd_create SYS_timerfd_settime SYS_timerfd_gettime
    ),
    group!(
        "socket pairs",
        "What a connected pair of unix sockets needs; nothing that could give a socket a name or a new peer.",
        SYS_socketpair SYS_sendto SYS_recvfrom SYS_sendmsg SYS_recvmsg SYS_sendmmsg SYS_recvmmsg SYS_shutdown
        SYS_getsockopt SYS_setsockopt SYS_getsockname SYS_getpeername
    ),
    group!(
        "time",
        "Reading clocks, sleeping, timers of the process itself.",
        SYS_clock_gettime SYS_clock_getres SYS_clock_nanosleep SYS_nanosleep SYS_gettimeofday SYS_getitimer
        SYS_setitimer SYS_timer_create SYS_timer_settime SYS_timer_gettime SYS_timer_getoverrun SYS_timer_delete
        SYS_times
    ),
    group!(
        "scheduling and machine",
        "What runtimes ask to size their thread pools and to seed themselves.",
        SYS_sched_yield SYS_sched_getaffinity SYS_sched_setaffinity SYS_sched_getparam SYS_sched_setparam
        SYS_sched_getscheduler SYS_sched_setscheduler SYS_sched_getattr SYS_sched_setattr SYS_sched_get_priority_max
        SYS_sched_get_priority_min SYS_sched_rr_get_interval SYS_getcpu SYS_sysinfo SYS_uname SYS_getrandom
    ),
    #[cfg(target_arch = "x86_64")]
    group!(
        "older forms",
        "The same calls under the names that x86_64 kept from before the *at family.",
        SYS_open SYS_creat SYS_stat SYS_lstat SYS_access SYS_mkdir SYS_rmdir SYS_link SYS_unlink SYS_symlink
        SYS_readlink SYS_rename SYS_chmod SYS_chown SYS_lchown SYS_mknod SYS_utime SYS_utimes SYS_futimesat
        SYS_getdents SYS_dup2 SYS_pipe SYS_poll SYS_select SYS_epoll_create SYS_epoll_wait SYS_eventfd SYS_signalfd
        SYS_fork SYS_vfork SYS_getpgrp SYS_pause SYS_alarm SYS_time SYS_arch_prctl
    ),
];

/// Refused without a network, and allowed with a loopback of the sandbox's own.
pub const SOCKETS: Group = group!(
    "sockets",
    "The sandboxes of a template share an empty network namespace. That is sound only while nobody can make, \
     name or connect a socket: abstract unix names would join siblings.",
    SYS_socket SYS_bind SYS_connect SYS_listen SYS_accept SYS_accept4
);

/// What is known to be dangerous or to be a channel between sandboxes: `EPERM`.
pub const REFUSED: &[Group] = &[
    SOCKETS,
    group!(
        "namespaces and mounts",
        "A new namespace gives capabilities back and opens most of the kernel's privileged code.",
        SYS_unshare SYS_mount SYS_umount2 SYS_pivot_root SYS_chroot SYS_open_tree SYS_move_mount SYS_fsopen
        SYS_fsconfig SYS_fsmount SYS_fspick SYS_mount_setattr SYS_name_to_handle_at SYS_open_by_handle_at SYS_swapon
        SYS_swapoff SYS_quotactl SYS_quotactl_fd SYS_sethostname SYS_setdomainname
    ),
    group!(
        "other processes",
        "Reading or steering another process, its memory or its descriptors.",
        SYS_ptrace SYS_process_vm_readv SYS_process_vm_writev SYS_process_madvise SYS_process_mrelease
        SYS_pidfd_getfd SYS_kcmp SYS_move_pages SYS_migrate_pages SYS_mbind SYS_set_mempolicy SYS_get_mempolicy
    ),
    group!(
        "kernel surface",
        "Large or often broken parts of the kernel that no script needs. vmsplice lends pages which are still shared \
         with the template.",
        SYS_bpf SYS_perf_event_open SYS_userfaultfd SYS_io_uring_setup SYS_io_uring_enter SYS_io_uring_register
        SYS_io_setup SYS_io_submit SYS_vmsplice SYS_memfd_secret SYS_lookup_dcookie SYS_remap_file_pages
    ),
    group!(
        "keys",
        "Keyrings are not namespaced. Of keyctl only the joining of a new session keyring passes, for the hardening.",
        SYS_add_key SYS_request_key
    ),
    group!(
        "shared objects by name",
        "System V objects and message queues: the ipc namespace hides them, and nothing here needs them.",
        SYS_shmget SYS_shmat SYS_shmctl SYS_shmdt SYS_semget SYS_semop SYS_semtimedop SYS_semctl SYS_msgget SYS_msgsnd
        SYS_msgrcv SYS_msgctl SYS_mq_open SYS_mq_unlink SYS_mq_timedsend SYS_mq_timedreceive SYS_mq_notify
        SYS_mq_getsetattr
    ),
    group!(
        "watching files",
        "Files of the shared read-only tree are the same objects for every sandbox: watching them tells on siblings.",
        SYS_inotify_init1 SYS_inotify_add_watch SYS_inotify_rm_watch SYS_fanotify_init SYS_fanotify_mark
    ),
    group!(
        "the machine",
        "Clocks, modules, kernels, power, accounting, the log; a full sync is a burden on every neighbour.",
        SYS_settimeofday SYS_clock_settime SYS_clock_adjtime SYS_adjtimex SYS_init_module SYS_finit_module
        SYS_delete_module SYS_kexec_load SYS_reboot SYS_acct SYS_syslog SYS_vhangup SYS_sync
    ),
    #[cfg(target_arch = "x86_64")]
    group!(
        "x86 only",
        "Ports, segments, and the older forms of refused calls.",
        SYS_iopl SYS_ioperm SYS_modify_ldt SYS_inotify_init SYS_kexec_file_load
    ),
];

const NAMESPACES: &[u32] = &[
    libc::CLONE_NEWNS as u32,
    libc::CLONE_NEWUSER as u32,
    libc::CLONE_NEWPID as u32,
    libc::CLONE_NEWNET as u32,
    libc::CLONE_NEWIPC as u32,
    libc::CLONE_NEWUTS as u32,
    libc::CLONE_NEWCGROUP as u32,
];

/// `KEYCTL_JOIN_SESSION_KEYRING`.
pub(crate) const JOIN_SESSION_KEYRING: u32 = 1;

const SOCK_TYPE_MASK: u32 = 0xf;

#[expect(
    clippy::cast_possible_truncation,
    reason = "commands of ioctl have 32 bits; some C libraries widen them"
)]
const TERMINAL_INPUT: &[u32] = &[libc::TIOCSTI as u32, libc::TIOCLINUX as u32];

/// System calls whose arguments decide: `EPERM` for what is listed.
pub const CONDITIONS: &[Condition] = &[
    Condition {
        call: call!(SYS_clone),
        why: "a new namespace of any kind (a time namespace cannot be asked for here)",
        refused: Refused::AnyBit(0, NAMESPACES),
        only: None,
    },
    Condition {
        call: call!(SYS_socketpair),
        why: "a family other than unix",
        refused: Refused::OtherThan(0, &[libc::AF_UNIX as u32]),
        only: None,
    },
    Condition {
        call: call!(SYS_socket),
        why: "a family other than unix and the internet's (refused altogether without a network)",
        refused: Refused::OtherThan(0, &[libc::AF_UNIX as u32, libc::AF_INET as u32, libc::AF_INET6 as u32]),
        only: Some(Network::Loopback),
    },
    Condition {
        call: call!(SYS_socketpair),
        why: "datagram pairs (raw is the same for unix): sendmsg could address anybody's abstract name with them",
        refused: Refused::Masked(1, SOCK_TYPE_MASK, &[libc::SOCK_DGRAM as u32, libc::SOCK_RAW as u32]),
        only: Some(Network::None),
    },
    Condition {
        call: call!(SYS_sendto),
        why: "an address of one's own choice",
        refused: Refused::NotNull(4),
        only: Some(Network::None),
    },
    Condition {
        call: call!(SYS_ioctl),
        why: "typing into a terminal, and pasting its selection",
        refused: Refused::AnyOf(1, TERMINAL_INPUT),
        only: None,
    },
    Condition {
        call: call!(SYS_fcntl),
        why: "leases and directory notes: channels between sandboxes over shared files",
        refused: Refused::AnyOf(1, &[libc::F_SETLEASE as u32, libc::F_NOTIFY as u32]),
        only: None,
    },
    Condition {
        call: call!(SYS_personality),
        why: "anything but the default and the query (0xffffffff): emulation and weaker address layouts",
        refused: Refused::OtherThan(0, &[0, u32::MAX]),
        only: None,
    },
    Condition {
        call: call!(SYS_keyctl),
        why: "everything but joining a new session keyring, which the hardening does",
        refused: Refused::OtherThan(0, &[JOIN_SESSION_KEYRING]),
        only: None,
    },
    Condition {
        call: call!(SYS_seccomp),
        why: "flags: a listener, or a filter forced upon other threads",
        refused: Refused::FirstWithSecond(libc::SECCOMP_SET_MODE_FILTER),
        only: None,
    },
    Condition {
        call: call!(SYS_prctl),
        why: "becoming dumpable again: a crash would hand the template's memory to the host's core handler",
        refused: Refused::FirstWithSecond(libc::PR_SET_DUMPABLE as u32),
        only: None,
    },
    Condition {
        call: call!(SYS_prctl),
        why: "options that neither runtimes nor the hardening use",
        refused: Refused::OtherThan(
            0,
            &[
                libc::PR_SET_PDEATHSIG as u32,
                libc::PR_GET_PDEATHSIG as u32,
                libc::PR_GET_DUMPABLE as u32,
                libc::PR_SET_DUMPABLE as u32,
                libc::PR_GET_KEEPCAPS as u32,
                libc::PR_SET_NAME as u32,
                libc::PR_GET_NAME as u32,
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
                libc::PR_SET_VMA as u32,
            ],
        ),
        only: None,
    },
];
