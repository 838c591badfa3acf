# Limits, memory, signals, sockets: what else the kernel gives.


def limit(name, soft, hard):
    resource.setrlimit(getattr(resource, "RLIMIT_" + name), (soft, hard))


def be_nice(value):
    os.setpriority(os.PRIO_PROCESS, 0, value)


def be_nice_all(value):
    os.setpriority(os.PRIO_USER, os.getuid(), value)


def scheduler(policy, priority):
    os.sched_setscheduler(0, policy, os.sched_param(priority))


def affinity(cpus):
    os.sched_setaffinity(0, cpus)


def control(option, value):
    checked(LIBC.prctl(option, ctypes.c_ulong(value), 0, 0, 0))


def filter_itself(answer):
    """A filter of its own that gives this answer to getpriority."""
    code = [(0x20, 0, 0, 0), (0x15, 0, 1, 140), (0x06, 0, 0, answer), (0x06, 0, 0, 0x7FFF0000)]
    program = b"".join(struct.pack("HBBI", *line) for line in code)
    held = ctypes.create_string_buffer(program)
    header = struct.pack("HxxxxxxQ", len(code), ctypes.addressof(held))
    checked(LIBC.prctl(22, 2, ctypes.c_char_p(header), 0, 0))


def filters_many(count):
    for _ in range(count):
        filter_itself(0x00050001)


def strict_mode():
    checked(LIBC.prctl(22, 1, 0, 0, 0))


# Memory.

GROWN = []


def grow(mebibytes):
    """Takes and touches it, piece by piece, until it is refused."""
    for _ in range(mebibytes):
        block = mmap.mmap(-1, 1 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        for page in range(0, 1 << 20, 4096):
            block[page] = 1
        GROWN.append(block)


def grow_children(count, mebibytes):
    def body():
        grow(mebibytes)
        sleep_on()

    several(count, child, body)


def many_mappings(count):
    """Every second page is another mapping."""
    block = mmap.mmap(-1, count * 8192)
    KEPT.append(block)
    start = ctypes.addressof(ctypes.c_char.from_buffer(block))
    for number in range(count):
        checked(LIBC.mprotect(ctypes.c_void_p(start + number * 8192), ctypes.c_size_t(4096), 1))


def advise(advice, mebibytes):
    block = mmap.mmap(-1, mebibytes << 20)
    block[0] = 1
    KEPT.append(block)
    block.madvise(advice)


def unmap_own(start, length):
    """A range of the interpreter's own memory."""
    base = id(KEPT) & ~0xFFFFF
    checked(LIBC.munmap(ctypes.c_void_p(base + start * 4096), ctypes.c_size_t(length * 4096)))


def protect_own(start, length, protection):
    base = id(KEPT) & ~0xFFFFF
    checked(LIBC.mprotect(ctypes.c_void_p(base + start * 4096), ctypes.c_size_t(length * 4096), protection))


def drop_own(start, length):
    base = id(KEPT) & ~0xFFFFF
    checked(LIBC.madvise(ctypes.c_void_p(base + start * 4096), ctypes.c_size_t(length * 4096), 4))


def lock_memory(flags):
    checked(LIBC.mlockall(flags))


def overflow_stack():
    def body(depth):
        return body(depth + 1) + 1

    def deep():
        sys.setrecursionlimit(1 << 30)
        body(0)

    child(deep)


def fork_and_touch():
    """What has grown is written in a child and here, so that it is copied and not only taken."""

    def body():
        for block in GROWN:
            block[0] = 2
        sleep_on()

    child(body)
    for block in GROWN:
        block[0] = 3


# Signals and timers.


def queue_signals(number, times):
    signal.pthread_sigmask(signal.SIG_BLOCK, [number])
    for _ in range(times):
        checked(LIBC.sigqueue(os.getpid(), number, ctypes.c_void_p(7)))


def block_signals():
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def ignore_signals():
    for number in (1, 2, 3, 6, 10, 12, 13, 14, 15, 24, 25, 29, 31):
        signal.signal(number, signal.SIG_IGN)


def interval(which, microseconds):
    """A timer whose signal is handled, again and again."""
    signal.signal({0: signal.SIGALRM, 1: signal.SIGVTALRM, 2: signal.SIGPROF}[which], lambda number, frame: None)
    signal.setitimer(which, 0.001, microseconds / 1e6)


def raise_again(number, times):
    """A handler that raises what it handles."""
    left = [times]

    def handler(received, frame):
        left[0] -= 1
        if left[0] > 0:
            os.kill(os.getpid(), received)

    signal.signal(number, handler)
    os.kill(os.getpid(), number)


def many_timers(count):
    timer = ctypes.c_void_p()
    # SIGEV_NONE
    event = (ctypes.c_int * 16)(0, 0, 0, 1)
    for _ in range(count):
        checked(LIBC.timer_create(1, event, ctypes.byref(timer)))


# Descriptors, and what is on its way.


def in_flight(kind, count, packets):
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    KEPT.extend(pair)
    fds = rights(kind, count)
    for _ in range(packets):
        send_with(pair[0], b"x", fds)


def cycles(count):
    """Pairs that are on their way over themselves, and otherwise closed."""
    for _ in range(count):
        one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        send_with(one, b"x", [one.fileno(), other.fileno()])
        send_with(other, b"x", [one.fileno(), other.fileno()])
        one.close()
        other.close()


def watch_one_another(count):
    polls = [select.epoll() for _ in range(count)]
    KEPT.extend(polls)
    for one, other in zip(polls, polls[1:]):
        one.register(other.fileno(), select.EPOLLIN)


def watch_streams():
    poll = select.epoll()
    KEPT.append(poll)
    for fd in (0, 1, 2, CHANNEL):
        attempt(poll.register, fd, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)


def many_descriptors(count):
    for _ in range(count):
        KEPT.append(os.memfd_create("m"))


def many_pipes(count, size):
    for _ in range(count):
        here, there = os.pipe()
        fcntl.fcntl(there, 1031, size)
        KEPT.extend([here, there])


def close_from(first):
    os.closerange(first, 1024)


def connections(count):
    """Over loopback, full in both directions and never read."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(count)
    KEPT.append(server)
    for _ in range(count):
        caller = socket.create_connection(server.getsockname(), timeout=0.2)
        other, _ = server.accept()
        KEPT.extend([caller, other])
        for end in (caller, other):
            end.setblocking(False)
            attempt(end.send, b"l" * 262144)


def datagrams(count):
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.bind(("127.0.0.1", 0))
    KEPT.append(end)
    for _ in range(count):
        end.sendto(b"u" * 1400, end.getsockname())
