# The channel: a SOCK_SEQPACKET pair whose other end is the host's.

def channel():
    return socket.socket(fileno=os.dup(CHANNEL))


def rights(kind, count):
    """Descriptors to send along."""
    if kind == "none":
        return []
    if kind == "memory":
        return [os.memfd_create("x")] * count
    if kind == "pipe":
        return list(os.pipe()) * ((count + 1) // 2)
    if kind == "pair":
        pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        KEPT.extend(pair)
        return [end.fileno() for end in pair] * ((count + 1) // 2)
    if kind == "directory":
        return [os.open("/", os.O_RDONLY)] * count
    if kind == "process":
        return [os.pidfd_open(os.getpid())] * count
    return [{"stdin": 0, "stdout": 1, "stderr": 2, "channel": CHANNEL}[kind]] * count


def send_with(end, data, fds, flags=0):
    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    end.sendmsg([data], control, flags | socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)


def channel_send(data, kind, count):
    send_with(channel(), data, rights(kind, count))


def channel_send_many(data, kind, count, times):
    fds = rights(kind, count)
    for _ in range(times):
        send_with(channel(), data, fds)


def channel_send_out_of_band(data):
    send_with(channel(), data, [], socket.MSG_OOB)


def channel_credentials(pid):
    held = channel()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    credentials = struct.pack("iii", pid, os.getuid(), os.getgid())
    held.sendmsg([b"D"], [(socket.SOL_SOCKET, 2, credentials)], socket.MSG_DONTWAIT)


def channel_fill(data, most):
    held = channel()
    for _ in range(most):
        held.send(data, socket.MSG_DONTWAIT)


def channel_shutdown(how):
    channel().shutdown(how)


def channel_close():
    os.close(CHANNEL)


def channel_replace(kind):
    [fd, *_] = rights(kind, 1)
    os.dup2(fd, CHANNEL)


def channel_copies(count):
    KEPT.extend(os.dup(CHANNEL) for _ in range(count))


def channel_read(most):
    held = channel()
    for _ in range(most):
        if not held.recv(65536, socket.MSG_DONTWAIT):
            break


def channel_peek(times):
    held = channel()
    for _ in range(times):
        try:
            held.recv(16, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            pass


def channel_buffers(option, size):
    channel().setsockopt(socket.SOL_SOCKET, option, size)


def channel_linger(seconds):
    channel().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, seconds))


def channel_time_out(microseconds):
    channel().setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, microseconds))


def channel_blocking(blocking):
    os.set_blocking(CHANNEL, blocking)


def talk_on(data, kind, pause):
    held, fds = channel(), rights(kind, 1)
    while True:
        try:
            send_with(held, data, fds)
        except BlockingIOError:
            pass
        time.sleep(pause)


def listen_on():
    held = channel()
    while True:
        try:
            if not held.recv(65536, socket.MSG_DONTWAIT):
                break
        except BlockingIOError:
            time.sleep(0.001)


def channel_of_orphan(data, kind, pause):
    """One that goes on sending when the first process has ended."""
    orphan(talk_on, data, kind, pause)


def channel_heard_by_orphan():
    orphan(listen_on)


def channel_in_flight(depth):
    """The own end on its way over pairs that nobody reads."""
    fd = CHANNEL
    for _ in range(depth):
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        send_with(here, b"x", [fd])
        here.close()
        KEPT.append(there)
        fd = there.fileno()
