# What everyday Python programs ask of the kernel: the functions of `os` and its neighbours, and the modules that start
# threads and processes. What a version of Python does not have is left out.
import asyncio, concurrent.futures, contextlib, fcntl, mmap, multiprocessing, os, resource, select, shutil, signal, socket
import sqlite3, stat, subprocess, sys, tempfile, termios, threading, time, tty, uuid


def there(name, *arguments, of=os):
    """Calls a function, if there is one. What it says does not matter, but that it was asked."""
    with contextlib.suppress(AttributeError, OSError, ValueError, TypeError):
        return getattr(of, name)(*arguments)


folder = tempfile.mkdtemp()
os.chdir(folder)

# Files.
with open("a", "w+b", buffering=0) as file:
    fd = file.fileno()
    file.write(b"0123456789" * 1000)
    os.pwrite(fd, b"x", 3), os.pread(fd, 3, 0), os.writev(fd, [b"a", b"b"])
    os.lseek(fd, 0, 0), os.readv(fd, [bytearray(4)])
    there("pwritev", fd, [b"y"], 0), there("preadv", fd, [bytearray(4)], 0)
    there("pwritev", fd, [b"y"], 0, getattr(os, "RWF_SYNC", 0)), there("preadv", fd, [bytearray(4)], 0, getattr(os, "RWF_HIPRI", 0))
    os.fsync(fd), os.fdatasync(fd), os.ftruncate(fd, 500), there("posix_fallocate", fd, 0, 1000)
    there("posix_fadvise", fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    os.fchmod(fd, 0o600), there("fchown", fd, os.getuid(), os.getgid()), os.fstat(fd), os.fstatvfs(fd)
    fcntl.flock(fd, fcntl.LOCK_EX), fcntl.lockf(fd, fcntl.LOCK_UN)
    for option in ("setxattr", "getxattr", "removexattr"):
        for where, follow in ((fd, True), ("a", True), ("a", False)):
            arguments = ("a", "user.x") + ((b"1",) if option == "setxattr" else ())
            with contextlib.suppress(OSError):
                getattr(os, option)(where, *arguments[1:], follow_symlinks=follow)
    for where, follow in ((fd, True), ("a", True), ("a", False)):
        with contextlib.suppress(OSError):
            os.listxattr(where, follow_symlinks=follow)
    copy = os.open("b", os.O_CREAT | os.O_RDWR)
    there("sendfile", copy, fd, 0, 10), there("copy_file_range", fd, copy, 10, 0, 0)
    os.dup(fd), os.dup2(fd, 100), os.dup2(fd, 101, False)
os.truncate("a", 5), os.stat("a"), os.lstat("a"), os.statvfs("a"), os.chmod("a", 0o644), os.utime("a")
there("chown", "a", os.getuid(), os.getgid()), there("lchown", "a", os.getuid(), os.getgid())
os.mkdir("d"), os.rename("b", "d/b"), os.link("a", "d/a"), os.symlink("a", "s"), os.readlink("s"), os.access("a", os.R_OK)
os.access("a", os.R_OK, effective_ids=True), os.mkfifo("fifo"), os.listdir("d"), os.umask(0o22)
here = os.open(".", os.O_DIRECTORY)
os.fchdir(here), os.mkdir("e", dir_fd=here), os.link("a", "e/a", src_dir_fd=here, dst_dir_fd=here)
os.rename("e/a", "e/b", src_dir_fd=here, dst_dir_fd=here), os.symlink("a", "t", dir_fd=here), os.readlink("t", dir_fd=here)
os.chmod("a", 0o600, dir_fd=here), os.stat("a", dir_fd=here), os.unlink("t", dir_fd=here)
os.access("a", os.R_OK, dir_fd=here), os.unlink("s")
os.chown("a", os.getuid(), os.getgid(), dir_fd=here), os.mkfifo("f2", dir_fd=here)
os.mkdir("empty"), os.rmdir("empty"), os.getcwd()

# Memory.
with mmap.mmap(-1, 1 << 20) as memory:
    memory[:4] = b"abcd"
    memory.flush(), there("madvise", mmap.MADV_DONTNEED, of=memory), memory.resize(1 << 21)
there("memfd_create", "x")

# Processes, signals, limits.
pid = os.fork()
if pid == 0:
    os.setsid(), there("nice", 1)
    os._exit(0)
os.waitpid(pid, 0)
pid = os.fork()
if pid == 0:
    time.sleep(1000)
os.kill(pid, signal.SIGKILL), os.waitid(os.P_PID, pid, os.WEXITED)
if hasattr(os, "pidfd_open"):
    pidfd = os.pidfd_open(os.getpid())
    there("pidfd_send_signal", pidfd, 0, of=signal)
os.getpgid(0), os.getpgrp(), os.getppid(), os.getsid(0), there("setpgid", 0, 0)
os.getuid(), os.geteuid(), os.getgid(), os.getegid(), os.getgroups(), os.getresuid(), os.getresgid()
there("setuid", os.getuid()), there("setgid", os.getgid()), there("setreuid", -1, -1), there("setregid", -1, -1)
there("setresuid", -1, -1, -1), there("setresgid", -1, -1, -1), there("setgroups", os.getgroups())
there("getpriority", os.PRIO_PROCESS, 0), there("setpriority", os.PRIO_PROCESS, 0, 5)
for name in ("sched_get_priority_max", "sched_get_priority_min"):
    there(name, 0)
there("sched_getaffinity", 0), there("sched_setaffinity", 0, os.sched_getaffinity(0)), os.sched_yield()
there("sched_getparam", 0), there("sched_getscheduler", 0), there("sched_rr_get_interval", 0)
there("sched_setscheduler", 0, os.SCHED_BATCH, os.sched_param(0)), there("sched_setparam", 0, os.sched_param(0))
resource.getrusage(0), resource.getrlimit(resource.RLIMIT_NOFILE), os.times(), os.uname(), os.urandom(8), there("getrandom", 8)
signal.signal(signal.SIGALRM, lambda *_: None), signal.alarm(100), signal.alarm(0)
# Again and again, since the first one may come before the pause.
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01), signal.getitimer(signal.ITIMER_REAL), signal.pause()
signal.setitimer(signal.ITIMER_REAL, 0)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1]), signal.raise_signal(signal.SIGUSR1), signal.sigpending()
signal.sigtimedwait([signal.SIGUSR1], 0), signal.pthread_kill(threading.get_ident(), 0)
time.sleep(0.001), time.clock_getres(time.CLOCK_REALTIME), time.clock_gettime(time.CLOCK_PROCESS_CPUTIME_ID)

# Descriptors and events.
read, write = os.pipe()
os.set_blocking(read, False), os.get_inheritable(read), os.isatty(read), fcntl.ioctl(read, termios.FIONREAD, b"    ")
select.select([read], [], [], 0), select.poll().poll(0)
with contextlib.suppress(AttributeError, OSError):
    other_read, other_write = os.pipe()
    os.write(write, b"x"), os.splice(read, other_write, 1), os.eventfd(0)
with select.epoll() as poll:
    poll.register(read), poll.poll(0)
there("timerfd_create", time.CLOCK_MONOTONIC)
one, other = socket.socketpair()
one.sendmsg([b"x"]), other.recvmsg(1), one.send(b"y"), other.recv(1), one.getsockname(), one.getpeername(), one.settimeout(1)
one.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE), one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
one.shutdown(socket.SHUT_RDWR)
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
server.accept()[0].close(), client.close()

# Threads and subprocesses.
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    list(pool.map(abs, [-1, -2]))
subprocess.run(["/bin/sh", "-c", "echo a | cat; exit 3"], stdout=subprocess.PIPE)
subprocess.run(["/bin/true"], start_new_session=True, close_fds=True, preexec_fn=lambda: None)


async def main():
    process = await asyncio.create_subprocess_exec("/bin/echo", "x", stdout=subprocess.PIPE)
    await process.communicate()
    await asyncio.to_thread(time.sleep, 0)


asyncio.run(main())
queue = multiprocessing.get_context("fork").Queue()
queue.put(1), queue.get()
base = sqlite3.connect("base")
base.execute("pragma journal_mode=wal"), base.execute("create table t(a)"), base.commit(), base.close()
uuid.uuid4()
os.chdir("/")
shutil.rmtree(folder)
