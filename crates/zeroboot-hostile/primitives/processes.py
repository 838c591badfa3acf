# Processes: how they are made, what they do to one another, and to an observer.

CLONE = {
    "vm": 0x100,
    "fs": 0x200,
    "files": 0x400,
    "sighand": 0x800,
    "ptrace": 0x2000,
    "vfork": 0x4000,
    "parent": 0x8000,
    "thread": 0x10000,
    "sysvsem": 0x40000,
    "untraced": 0x800000,
    "newns": 0x20000,
    "newcgroup": 0x2000000,
    "newuser": 0x10000000,
    "newpid": 0x20000000,
    "io": 0x80000000,
}


def clone(names, ends_with, body):
    """A process with these flags that calls a function of the C library, on a stack of its own."""
    global budget
    if budget < 1:
        raise OSError("no more processes")
    budget -= 1
    flags = ends_with
    for name in names:
        flags |= CLONE[name]
    stack = mmap.mmap(-1, 65536)
    KEPT.append(stack)
    top = ctypes.addressof(ctypes.c_char.from_buffer(stack)) + 65536 - 64
    entry = ctypes.cast(getattr(LIBC, body), ctypes.c_void_p)
    return checked(
        LIBC.clone(entry, ctypes.c_void_p(top), ctypes.c_int(flags - (flags >> 31 << 32)), ctypes.c_void_p(FORGED))
    )


def zombies(count):
    several(count, child, end_at_once)


def tree(depth):
    """Each level is the child of the one above."""
    if depth > 0:
        global budget
        budget = 1
        child(tree, depth - 1)
    sleep_on()


def make_tree(depth):
    global budget
    if budget >= depth:
        left = budget - depth
        child(tree, depth - 1)
        budget = left


def burst(count):
    """Short-lived ones, one after the other."""
    global budget
    for _ in range(count):
        pid = child(end_at_once)
        if pid:
            os.waitpid(pid, 0)
            budget += 1


def threads(count, body):
    """Which take no signals: those are the first thread's."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    for _ in range(count):
        threading.Thread(target=body, daemon=True).start()
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def be_subreaper():
    checked(LIBC.prctl(36, 1, 0, 0, 0))


def is_subreaper():
    answer = ctypes.c_int()
    checked(LIBC.prctl(37, ctypes.byref(answer), 0, 0, 0))
    return answer.value == 1


def ignore_children():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def stop_child_and_go_on():
    pid = child(sleep_on)
    if pid:
        os.kill(pid, signal.SIGSTOP)


def kill_all(number):
    """Everybody but itself and the init."""
    os.kill(-1, number)


def kill_init(numbers):
    for number in numbers:
        attempt(os.kill, 1, number)


def queue_to_init(number, times):
    for _ in range(times):
        checked(LIBC.sigqueue(1, number, ctypes.c_void_p(7)))


def kill_group(number):
    os.kill(0, number)


def kill_numbers(first, last, number):
    for pid in range(first, last):
        if pid != os.getpid():
            attempt(os.kill, pid, number)


def signal_by_pidfd(pid, number):
    signal.pidfd_send_signal(os.pidfd_open(pid), number)


def run_shell(script):
    global budget
    if budget < 4:
        return
    budget -= 4
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", script], {})
    os.waitpid(pid, 0)


def leave_shell(script):
    """One that nobody waits for."""
    global budget
    if budget < 4:
        return
    budget -= 4
    os.posix_spawn("/bin/sh", ["sh", "-c", script], {}, setsid=True)


def own_session():
    os.setsid()


def own_group():
    os.setpgid(0, 0)


def death_signal(number):
    checked(LIBC.prctl(1, number, 0, 0, 0))


def dumpable(value):
    checked(LIBC.prctl(4, value, 0, 0, 0))


def call_itself(name):
    checked(LIBC.prctl(15, name, 0, 0, 0))


def change_words(word):
    """Of the own command line, where there is one to be written."""
    with open("/proc/self/comm", "wb") as file:
        file.write(word)


def trace(pid):
    checked(LIBC.ptrace(16, pid, None, None))


# What was burned is said, for the account to be held against it: once it is done, and its process gone.


def burn_here(milliseconds):
    burn(milliseconds)
    say("burned here: %d ms" % milliseconds)


def burn_in_child(milliseconds):
    def body():
        burn(milliseconds)
        os._exit(0)

    pid = child(body)
    if pid:
        # What was done to its memory before may have ended it early.
        if os.waitpid(pid, 0)[1] == 0:
            say("burned elsewhere: %d ms" % milliseconds)


def burn_in_orphan(milliseconds):
    here, there = os.pipe()

    def body():
        burn(milliseconds)
        os.write(there, b"x")

    orphan(body)
    os.close(there)
    word = os.read(here, 1)
    # Until it has gone, and with it the last writing end.
    os.read(here, 1)
    os.close(here)
    # An orphan of its own may be one that it ignores, and then the kernel accounts for it nowhere.
    if word and not is_subreaper():
        say("burned elsewhere: %d ms" % milliseconds)


def unmap_in_sight(times):
    """A child whose memory comes and goes while it may be looked at."""

    def body():
        while True:
            block = mmap.mmap(-1, 1 << 20)
            block[0] = 1
            block.close()

    several(times, child, body)
