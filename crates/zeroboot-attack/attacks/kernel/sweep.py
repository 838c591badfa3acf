# Makes every system call from 0 to 600 with harmless arguments, and compares what passes with what is documented.
# The names of x86_64: from 0, and from 424 on, where all machines count alike.
OLD = """
read write open close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn
ioctl pread64 pwrite64 readv writev access pipe select sched_yield mremap msync mincore madvise shmget shmat shmctl
dup dup2 pause nanosleep getitimer alarm setitimer getpid sendfile socket connect accept sendto recvfrom sendmsg
recvmsg shutdown bind listen getsockname getpeername socketpair setsockopt getsockopt clone fork vfork execve exit
wait4 kill uname semget semop semctl shmdt msgget msgsnd msgrcv msgctl fcntl flock fsync fdatasync truncate
ftruncate getdents getcwd chdir fchdir rename mkdir rmdir creat link unlink symlink readlink chmod fchmod chown
fchown lchown umask gettimeofday getrlimit getrusage sysinfo times ptrace getuid syslog getgid setuid setgid geteuid
getegid setpgid getppid getpgrp setsid setreuid setregid getgroups setgroups setresuid getresuid setresgid getresgid
getpgid setfsuid setfsgid getsid capget capset rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_sigsuspend
sigaltstack utime mknod uselib personality ustat statfs fstatfs sysfs getpriority setpriority sched_setparam
sched_getparam sched_setscheduler sched_getscheduler sched_get_priority_max sched_get_priority_min
sched_rr_get_interval mlock munlock mlockall munlockall vhangup modify_ldt pivot_root _sysctl prctl arch_prctl
adjtimex setrlimit chroot sync acct settimeofday mount umount2 swapon swapoff reboot sethostname setdomainname iopl
ioperm create_module init_module delete_module get_kernel_syms query_module quotactl nfsservctl getpmsg putpmsg
afs_syscall tuxcall security gettid readahead setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr
llistxattr flistxattr removexattr lremovexattr fremovexattr tkill time futex sched_setaffinity sched_getaffinity
set_thread_area io_setup io_destroy io_getevents io_submit io_cancel get_thread_area lookup_dcookie epoll_create
epoll_ctl_old epoll_wait_old remap_file_pages getdents64 set_tid_address restart_syscall semtimedop fadvise64
timer_create timer_settime timer_gettime timer_getoverrun timer_delete clock_settime clock_gettime clock_getres
clock_nanosleep exit_group epoll_wait epoll_ctl tgkill utimes vserver mbind set_mempolicy get_mempolicy mq_open
mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr kexec_load waitid add_key request_key keyctl
ioprio_set ioprio_get inotify_init inotify_add_watch inotify_rm_watch migrate_pages openat mkdirat mknodat fchownat
futimesat newfstatat unlinkat renameat linkat symlinkat readlinkat fchmodat faccessat pselect6 ppoll unshare
set_robust_list get_robust_list splice tee sync_file_range vmsplice move_pages utimensat epoll_pwait signalfd
timerfd_create eventfd fallocate timerfd_settime timerfd_gettime accept4 signalfd4 eventfd2 epoll_create1 dup3 pipe2
inotify_init1 preadv pwritev rt_tgsigqueueinfo perf_event_open recvmmsg fanotify_init fanotify_mark prlimit64
name_to_handle_at open_by_handle_at clock_adjtime syncfs sendmmsg setns getcpu process_vm_readv process_vm_writev
kcmp finit_module sched_setattr sched_getattr renameat2 seccomp getrandom memfd_create kexec_file_load bpf execveat
userfaultfd membarrier mlock2 copy_file_range preadv2 pwritev2 pkey_mprotect pkey_alloc pkey_free statx
io_pgetevents rseq
""".split()
NEW = """
pidfd_send_signal io_uring_setup io_uring_enter io_uring_register open_tree move_mount fsopen fsconfig fsmount
fspick pidfd_open clone3 close_range openat2 pidfd_getfd faccessat2 process_madvise epoll_pwait2 mount_setattr
quotactl_fd landlock_create_ruleset landlock_add_rule landlock_restrict_self memfd_secret process_mrelease
futex_waitv set_mempolicy_home_node cachestat fchmodat2 map_shadow_stack futex_wake futex_wait futex_requeue
statmount listmount lsm_get_self_attr lsm_set_self_attr lsm_list_modules mseal setxattrat getxattrat listxattrat
removexattrat open_tree_attr file_getattr file_setattr
""".split()
NAMES = dict(enumerate(OLD))
NAMES.update(enumerate(NEW, 424))
NAMES.update({335: "uretprobe", 336: "uprobe"})

# The kernel lets these through whatever a filter says: a probe that is set from outside puts them into a program, and
# it refuses everybody else by itself.
PAST_EVERY_FILTER = {"uretprobe", "uprobe"}

# What no sandbox should let through, for where nothing is documented.
NEVER = set("""
acct add_key adjtimex bind bpf chroot clock_adjtime clock_settime connect create_module delete_module fanotify_init
finit_module fsconfig fsmount fsopen fspick init_module io_setup io_uring_enter io_uring_register io_uring_setup
ioperm iopl kcmp kexec_file_load kexec_load keyctl listen lookup_dcookie mbind migrate_pages modify_ldt mount
mount_setattr move_mount move_pages name_to_handle_at nfsservctl open_by_handle_at open_tree perf_event_open
pidfd_getfd pivot_root process_madvise process_mrelease process_vm_readv process_vm_writev ptrace quotactl
quotactl_fd reboot request_key set_mempolicy setdomainname sethostname setns settimeofday socket swapoff swapon
syslog umount2 unshare userfaultfd uselib ustat vhangup vmsplice
""".split())

if not X86:
    skipped("the names are those of x86_64")
documented = set(CANARY["calls"]) if CANARY["calls"] else None
if documented is None and status_of().get("CapEff", "0").strip("0"):
    # To a privileged user a hang-up is not harmless: it needs no argument.
    VHANGUP = 153
else:
    VHANGUP = None
passed = []
for number in range(601):
    if number == VHANGUP:
        continue
    pid = os.fork()
    if pid == 0:
        # What blocks is ended; what ends or breaks the process has been let through as well.
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        try:
            call(number, -1, -1, -1, -1, -1, -1)
        except OSError as error:
            os._exit({errno.EPERM: 101, errno.ENOSYS: 102}.get(error.errno, 0))
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        refusal = os.WTERMSIG(status) == signal.SIGSYS
    else:
        refusal = os.WEXITSTATUS(status) in (101, 102)
    if not refusal:
        passed.append(NAMES.get(number, str(number)))
bad = [name for name in passed if (name in NEVER if documented is None else name not in documented | PAST_EVERY_FILTER)]
through("%d calls: %s" % (len(bad), " ".join(bad))) if bad else held("%d of 601 numbers pass" % len(passed))
