# The standard streams: pipes whose other ends are the host's.


def write_sizes(fd, sizes):
    for size in sizes:
        os.write(fd, b"w" * size)


def write_vector(fd, count):
    os.writev(fd, [b"", b"v"] * count)


def fill(fd, most):
    """Until it takes no more; then as it was."""
    was = os.get_blocking(fd)
    os.set_blocking(fd, False)
    try:
        while most > 0:
            most -= os.write(fd, b"f" * min(most, 65536))
    finally:
        os.set_blocking(fd, was)


def close_stream(fd):
    os.close(fd)


def swap_streams():
    spare = os.dup(1)
    os.dup2(2, 1)
    os.dup2(spare, 2)
    os.close(spare)


def replace_stream(fd, kind):
    [other, *_] = rights(kind, 1)
    os.dup2(other, fd)


def open_again(fd, flags, copies):
    for _ in range(copies):
        KEPT.append(os.open("/proc/self/fd/%d" % fd, flags | os.O_NONBLOCK))


def open_of_parent(fd, flags):
    """Another process does it."""
    child(open_again_of, os.getpid(), fd, flags)


def open_again_of(pid, fd, flags):
    KEPT.append(os.open("/proc/%d/fd/%d" % (pid, fd), flags | os.O_NONBLOCK))
    sleep_on()


def steal(fd, thieves, milliseconds):
    """Takes what was written before the host does: thieves read, and go on when nothing more is written."""
    end = os.open("/proc/self/fd/%d" % fd, os.O_RDONLY | os.O_NONBLOCK)
    several(thieves, child, read_on, end)
    stop, turn = time.monotonic() + milliseconds / 1000, 0
    while time.monotonic() < stop:
        turn += 1
        os.write(fd, b"s")
        if turn % 3 == 0:
            time.sleep(0.0001)


def steal_and_stay(fd, thieves, milliseconds):
    """Nothing follows: who waits for what was stolen last waits until the end."""
    steal(fd, thieves, milliseconds)
    sleep_on()


def steal_input():
    end = os.open("/proc/self/fd/0", os.O_WRONLY | os.O_NONBLOCK)
    os.write(end, b"i" * 4096)
    KEPT.append(end)


def pipe_size(fd, size):
    fcntl.fcntl(fd, 1031, size)


def flip_blocking(fd, times):
    for turn in range(times):
        os.set_blocking(fd, turn % 2 == 0)


def stream_flags(fd, flags):
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | flags)


def stream_signals(fd, number):
    """The kernel signals this process when something happens there."""
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    fcntl.fcntl(fd, fcntl.F_SETOWN, os.getpid())
    stream_flags(fd, os.O_ASYNC)


def odd_calls(fd):
    for call in (
        lambda: os.lseek(fd, 7, os.SEEK_SET),
        lambda: os.ftruncate(fd, 0),
        lambda: os.posix_fallocate(fd, 0, 4096),
        lambda: os.fsync(fd),
        lambda: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB),
        lambda: fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB),
        lambda: os.fchmod(fd, 0),
        lambda: os.pread(fd, 16, 0),
        lambda: fcntl.ioctl(fd, 0x541B, array.array("i", [0])),
        lambda: mmap.mmap(fd, 4096),
        lambda: os.sendfile(fd, os.memfd_create("x"), 0, 4096),
    ):
        attempt(call)


def splice_between(count):
    """Tees and splices by way of a pipe of its own."""
    here, there = os.pipe()
    os.write(there, b"t" * count)
    LIBC.tee(here, 1, ctypes.c_size_t(count), 2)
    LIBC.splice(here, None, 1, None, ctypes.c_size_t(count), 2)


def read_input(count):
    if select.select([0], [], [], 0)[0]:
        os.read(0, count)


def hold_streams(count):
    """Orphans that keep the writing ends open when the first process has ended."""
    several(count, orphan, sleep_on)


def write_of_orphan(fd, size, pause):
    orphan(write_on, fd, b"o" * size, pause)


def write_of_children(fd, size, count):
    several(count, child, write_on, fd, b"c" * size, 0)


def streams_in_flight(kind, count):
    """On their way over a pair that is kept."""
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    KEPT.extend(pair)
    send_with(pair[0], b"x", rights(kind, count))
