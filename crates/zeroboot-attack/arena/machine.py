"""A machine to throw away, made of namespaces: runs a program in it as its root, and nothing there is the host's.

Usage: machine.py PROGRAM [ARGUMENT...]: the program is the attack suite, which is also told to use the careless sandbox of
this machine.

For the controls of attacks, which shall succeed somewhere without doing damage. Inside: all capabilities, no filter, a
writable tree with the host's programs below /usr, and whatever a careless supervisor leaves open. From outside: a user
that owns nothing on the host (for an ordinary user: that user), and namespaces that end with the program.
"""
import contextlib
import ctypes
import fcntl
import os
import resource
import shutil
import signal
import socket
import struct
import sys
import termios

LIBC = ctypes.CDLL(None, use_errno=True)
NAMESPACES = 0x10000000 | 0x20000 | 0x20000000 | 0x8000000 | 0x4000000 | 0x40000000 | 0x2000000
READ_ONLY, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 32, 4096, 16384, 1 << 18
# Of a mount that was made elsewhere these stay: no programs with a user id, no devices, no programs.
KEPT = 2 | 4 | 8
DETACH, DEATH_SIGNAL, DUMPABLE = 2, 1, 4
NICE, RTPRIO = 13, 14

# Of the host's programs, those that the arena has a copy of: nobody in the arena owns the others.
OWN = ["/usr/bin/env"]
ROOT = "/tmp"
PROGRAM, CARELESS = "/run/program", "/run/careless.py"
SANDBOX = ["--sandbox", "python3 %s 1" % CARELESS, "--pair", "python3 %s 2" % CARELESS]

# The first of the ids that become the arena's, where root makes it; nobody on the host has them.
FIRST_ID, IDS = 1_879_048_192, 65536


def checked(what, result):
    if result < 0:
        sys.exit("arena: %s: %s" % (what, os.strerror(ctypes.get_errno())))


def mount(source, target, kind=None, flags=0, options=None):
    words = [word.encode() if word is not None else None for word in (source, target, kind, options)]
    checked("mounting " + target, LIBC.mount(*words[:3], ctypes.c_ulong(flags), words[3]))


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def map_users(pid, user, group):
    """From outside, where the right to do so is."""
    if user == 0:
        write("/proc/%d/gid_map" % pid, "0 %d %d\n" % (FIRST_ID, IDS))
        write("/proc/%d/uid_map" % pid, "0 %d %d\n" % (FIRST_ID, IDS))
    else:
        write("/proc/%d/setgroups" % pid, "deny")
        write("/proc/%d/gid_map" % pid, "0 %d 1\n" % group)
        write("/proc/%d/uid_map" % pid, "0 %d 1\n" % user)


def show(source, target):
    """A directory or device of the host, or the link that it is. What is in a directory cannot be changed."""
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
    elif os.path.isdir(source):
        os.mkdir(target)
        mount(source, target, flags=BIND | RECURSIVE)
        mount(None, target, flags=REMOUNT | BIND | READ_ONLY | os.statvfs(target).f_flag & KEPT)
    else:
        write(target, "")
        mount(source, target, flags=BIND)


def build_tree(files):
    mount(None, "/", flags=RECURSIVE | PRIVATE)
    mount("arena", ROOT, "tmpfs", options="mode=755,size=1g")
    for directory in ("dev", "etc", "home", "proc", "root", "run", "sys", "tmp", "usr", "var"):
        os.mkdir("%s/%s" % (ROOT, directory))
    for name in os.listdir("/usr"):
        show("/usr/" + name, "%s/usr/%s" % (ROOT, name))
    for name in os.listdir("/"):
        if name.startswith(("bin", "sbin", "lib")):
            show("/" + name, "%s/%s" % (ROOT, name))
    for name in ("null", "zero", "full", "random", "urandom", "tty", "fuse", "kmsg", "autofs"):
        if os.path.exists("/dev/" + name):
            show("/dev/" + name, "%s/dev/%s" % (ROOT, name))
    write(ROOT + "/etc/passwd", "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    write(ROOT + "/etc/group", "root:x:0:\n")
    write(ROOT + "/etc/shadow", "root:$6$arena:0::::::\n")
    shutil.copy("/etc/ld.so.cache", ROOT + "/etc/ld.so.cache")
    write(os.path.join(ROOT, "root", "secret"), "the arena's\n")
    os.makedirs(os.path.join(ROOT, "home", "somebody", ".ssh"))
    os.mkdir(ROOT + "/dev/shm")
    for name in OWN:
        shutil.copy(name, ROOT + "/run/" + os.path.basename(name))
        mount(ROOT + "/run/" + os.path.basename(name), ROOT + name, flags=BIND)
    os.mkdir(ROOT + "/dev/pts")
    mount("arena", ROOT + "/dev/pts", "devpts", options="newinstance,ptmxmode=666")
    os.symlink("pts/ptmx", ROOT + "/dev/ptmx")
    mount("arena", ROOT + "/proc", "proc")
    mount("arena", ROOT + "/sys", "sysfs")
    # Only newer kernels let a namespace mount it.
    LIBC.mount(b"arena", (ROOT + "/proc/sys/fs/binfmt_misc").encode(), b"binfmt_misc", 0, None)
    for place, source in files.items():
        with open(ROOT + place, "wb") as copy:
            shutil.copyfileobj(source, copy)
        os.chmod(ROOT + place, 0o755)
    os.chdir(ROOT)
    checked("pivot_root", LIBC.syscall(155 if os.uname().machine == "x86_64" else 41, b".", b"."))
    checked("umount", LIBC.umount2(b".", DETACH))
    os.chdir("/")


def raise_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 1))


def raise_limits():
    """As far as may be, and before the right to do so is given up."""
    for limit, value in ((resource.RLIMIT_MEMLOCK, -1), (resource.RLIMIT_CORE, -1), (RTPRIO, 99), (NICE, 40)):
        with contextlib.suppress(ValueError):
            resource.setrlimit(limit, (value, value))


def be_careless(own, other):
    """Leaves open what no sandbox should find: terminals, a log, a memory file, the socket of a service."""
    os.setsid()
    fcntl.ioctl(own, termios.TIOCSCTTY, 0)
    os.set_inheritable(own, True)
    os.set_inheritable(other, True)
    os.set_inheritable(os.open("/run/log", os.O_CREAT | os.O_WRONLY), True)
    os.set_inheritable(os.memfd_create("careless"), True)
    service = socket.socket(socket.AF_UNIX)
    service.bind("/run/docker.sock")
    service.listen(64)
    service.set_inheritable(True)
    service.detach()


def run_all():
    """Process 1 waits, as an init does, and there is one more process, as on any machine."""
    # A terminal ends when its other side is closed, which stays open here.
    terminals = [os.openpty()[1], os.openpty()[1]]
    inside = os.fork()
    if inside == 0:
        be_careless(*terminals)
        environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root", "LANG": "C.UTF-8"}
        os.execve(PROGRAM, sys.argv[1:] + SANDBOX, environment)
    if os.fork() == 0:
        signal.pause()
    os.chdir("/root")
    while True:
        ended, status = os.wait()
        if ended == inside:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def follow(pid):
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 0xFF)


def die_with_the_parent():
    LIBC.prctl(DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)


def main():
    # Opened before anything is given up: the way to them may be closed to the arena's users.
    careless = os.path.join(os.path.dirname(os.path.abspath(__file__)), "careless.py")
    files = {PROGRAM: open(sys.argv[1], "rb"), CARELESS: open(careless, "rb")}
    user, group = os.getuid(), os.getgid()
    raise_limits()
    ready, go = os.pipe(), os.pipe()
    pid = os.fork()
    if pid != 0:
        os.close(ready[1])
        if os.read(ready[0], 1):
            map_users(pid, user, group)
            os.write(go[1], b"g")
        follow(pid)
    die_with_the_parent()
    checked("unshare", LIBC.unshare(NAMESPACES))
    os.write(ready[1], b"r")
    os.read(go[0], 1)
    if user == 0:
        os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    # Both were lost by the change of user.
    die_with_the_parent()
    LIBC.prctl(DUMPABLE, 1, 0, 0, 0)
    first = os.fork()
    if first != 0:
        follow(first)
    die_with_the_parent()
    build_tree(files)
    raise_loopback()
    LIBC.sethostname(b"arena", 5)
    run_all()


main()
