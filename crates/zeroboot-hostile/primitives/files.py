# Files: the private file systems, and the tree that all sandboxes see.


def fill_files(place, count, size):
    for number in range(count):
        with open("%s/fill%d" % (place, number), "wb") as file:
            file.write(b"\0" * size)


def many_files(place, count):
    for number in range(count):
        os.close(os.open("%s/many%d" % (place, number), os.O_CREAT | os.O_WRONLY, 0o600))


def deep_directories(place, depth):
    os.chdir(place)
    for _ in range(depth):
        os.mkdir("d" * 100)
        os.chdir("d" * 100)


def odd_modes(place):
    for mode in (0, 0o1, 0o7777, 0o2000, 0o4755):
        path = "%s/mode%o" % (place, mode)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        attempt(os.chmod, path, mode)
    attempt(os.chmod, place, 0)


def odd_names(place):
    for name in (b"\xff\xfe", b"a\nb", b" ", b"-rf", b"\x1b[31m", b"n" * 255):
        attempt(os.mkdir, os.path.join(place.encode(), name))


def pipe_file(place):
    os.mkfifo(place + "/fifo")
    child(os.open, place + "/fifo", os.O_RDONLY)


def socket_file(place):
    end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    end.bind(place + "/socket")
    end.listen(8)
    KEPT.append(end)
    for _ in range(8):
        caller = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        caller.setblocking(False)
        caller.connect(place + "/socket")
        KEPT.append(caller)


def links(place):
    os.symlink("loop", place + "/loop")
    os.symlink("/proc/1/root", place + "/out")
    os.symlink("/proc/self/fd/1", place + "/stream")
    os.link(place + "/loop", place + "/hard")
    attempt(os.listdir, place + "/out")
    attempt(open, place + "/loop")


def lock_tree(path):
    fd = os.open(path, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    KEPT.append(fd)


def lease(path):
    fd = os.open(path, os.O_RDONLY)
    KEPT.append(fd)
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)


def remove_all(place):
    for directory, names, files in os.walk(place, topdown=False):
        for name in files:
            attempt(os.unlink, os.path.join(directory, name))
        for name in names:
            attempt(os.rmdir, os.path.join(directory, name))


def stand_nowhere(place):
    os.mkdir(place + "/gone")
    os.chdir(place + "/gone")
    os.rmdir(place + "/gone")


def sparse(place, size):
    fd = os.open(place + "/sparse", os.O_CREAT | os.O_RDWR)
    os.ftruncate(fd, size)
    KEPT.append(mmap.mmap(fd, min(size, 1 << 30)))


def cut_below_mapping(place):
    """A child that touches what is no longer there."""

    def body():
        fd = os.open(place + "/cut", os.O_CREAT | os.O_RDWR)
        os.ftruncate(fd, 65536)
        block = mmap.mmap(fd, 65536)
        os.ftruncate(fd, 0)
        block[40000]

    child(body)


def rename_round(place, times):
    os.mkdir(place + "/a")
    for _ in range(times):
        os.rename(place + "/a", place + "/b")
        os.rename(place + "/b", place + "/a")


def attributes(place):
    path = place + "/named"
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    for number in range(16):
        attempt(os.setxattr, path, "user.x%d" % number, b"x" * 1024)


def read_all_of_proc(pid):
    for name in os.listdir("/proc/%s" % pid):
        try:
            fd = os.open("/proc/%s/%s" % (pid, name), os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            continue
        attempt(os.read, fd, 4096)
        os.close(fd)


def write_all_of_proc(pid, data):
    for name in os.listdir("/proc/%s" % pid):
        if name in ("mem", "clear_refs", "comm"):
            continue
        try:
            fd = os.open("/proc/%s/%s" % (pid, name), os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            continue
        attempt(os.write, fd, data)
        os.close(fd)


def forget_references():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("1")


def write_tree(path):
    os.close(os.open(path, os.O_WRONLY))


def hold_many(path, count):
    for _ in range(count):
        KEPT.append(os.open(path, os.O_RDONLY))
