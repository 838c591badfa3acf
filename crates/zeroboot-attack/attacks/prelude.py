# The prelude: stands before every attack. System calls by number, and the verdicts.
#
# An attack ends by calling held, through or skipped, each of which prints one line and leaves at once. An exception
# that no attack foresaw prints no verdict, and the suite reports it as a mistake of its own: never as `held`.

import contextlib
import ctypes
import errno
import os
import re
import select
import signal
import socket
import stat
import struct
import sys
import tempfile
import threading
import time

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
X86 = os.uname().machine == "x86_64"

# By architecture: x86_64, then the table that aarch64 and every newer one shares. None: there is no such call.
NUMBERS = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "capget": (125, 90),
    "capset": (126, 91),
    "chroot": (161, 51),
    "clone": (56, 220),
    "clone3": (435, 435),
    "delete_module": (176, 106),
    "fadvise64": (221, 223),
    "fanotify_init": (300, 262),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "futex": (202, 98),
    "getpid": (39, 172),
    "init_module": (175, 105),
    "inotify_add_watch": (254, 27),
    "inotify_init1": (294, 26),
    "io_setup": (206, 0),
    "io_uring_setup": (425, 425),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kcmp": (312, 272),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "memfd_secret": (447, 447),
    "mlock": (149, 228),
    "mlockall": (151, 230),
    "modify_ldt": (154, None),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_pages": (279, 239),
    "mq_open": (240, 180),
    "mq_timedreceive": (243, 183),
    "mq_timedsend": (242, 182),
    "mq_unlink": (241, 181),
    "msgctl": (71, 187),
    "msgget": (68, 186),
    "msgrcv": (70, 188),
    "msgsnd": (69, 189),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434),
    "pivot_root": (155, 41),
    "prctl": (157, 167),
    "process_madvise": (440, 440),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "sched_setattr": (314, 274),
    "seccomp": (317, 277),
    "semctl": (66, 191),
    "semget": (64, 190),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "shmget": (29, 194),
    "swapon": (167, 224),
    "sync": (162, 81),
    "syncfs": (306, 267),
    "syslog": (103, 116),
    "timer_create": (222, 107),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "vmsplice": (278, 75),
}

SCRATCH = []


def call(name, *arguments):
    """The system call of this name or number; raises OSError. Bytes and buffers are passed by address."""
    number = name
    if not isinstance(name, int):
        number = NUMBERS[name][0 if X86 else 1]
        if number is None:
            skipped("no %s on this machine" % name)
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result = LIBC.syscall(ctypes.c_long(number), *words)
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def name_of(error):
    return errno.errorcode.get(error.errno, str(error)) if isinstance(error, OSError) else repr(error)


def verdict(word, text):
    for path in SCRATCH:
        with contextlib.suppress(OSError):
            os.rmdir(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
    line = "%s: %s\n" % (word, " ".join(str(text).split()) or "no more is known")
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    os.write(1, line.encode(errors="replace"))
    os._exit(0)


def held(text):
    verdict("held", text)


def through(text):
    verdict("through", text)


def skipped(text):
    verdict("skipped", text)


@contextlib.contextmanager
def refused(note=""):
    """An OSError inside ends the attack: it was held by that errno."""
    try:
        yield
    except OSError as error:
        held(" ".join([name_of(error), note]))


def scratch(name="attack", directory=None):
    """A path that does not exist yet; removed at the verdict if the attack made a file or an empty directory there."""
    path = os.path.join(directory or tempfile.gettempdir(), "%s-%s" % (name, os.urandom(6).hex()))
    SCRATCH.append(path)
    return path


def scratch_file(mode=0o600, directory=None):
    path = scratch(directory=directory)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode))
    return path


def in_child(action, seconds=10):
    """Runs the action in a forked child: what it returns, as text, or how the child ended. OSError passes on."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            answer = "=%s" % (action(),)
        except OSError as error:
            answer = "!%d" % error.errno
        except BaseException as error:
            answer = "?%r" % (error,)
        os.write(writer, answer.encode(errors="replace")[:4000])
        os._exit(0)
    os.close(writer)
    said = b""
    if select.select([reader], [], [], seconds)[0]:
        said = os.read(reader, 4096)
    os.close(reader)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL) if not said else None
    status = os.waitpid(pid, 0)[1]
    said = said.decode(errors="replace")
    if said[:1] == "!":
        raise OSError(int(said[1:]), os.strerror(int(said[1:])))
    if said[:1] == "?":
        raise RuntimeError(said[1:])
    if not said:
        held("the process was ended by signal %d" % os.WTERMSIG(status) if os.WIFSIGNALED(status) else "no answer")
    return said[1:]


def clone(flags):
    """A child of the raw call, which ends at once; collected if it is one's own."""
    child = call("clone", flags, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    # Also those that send another signal at their end (__WALL).
    return child, os.waitpid(child, 0x40000000)


def sockets():
    """The sockets that it was born with, without a wait for any of them."""
    for number in range(3, 256):
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                found = socket.socket(fileno=os.dup(number))
                found.setblocking(False)
                yield found


def send_descriptors(through_socket, numbers):
    rights = struct.pack("%di" % len(numbers), *numbers)
    through_socket.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])


def keep_in_flight(number, most):
    """Descriptors in messages that nobody reads, until the system refuses more: how many, and what holds them."""
    kept, count = [], 0
    with contextlib.suppress(OSError):
        while count < most:
            kept.append(socket.socketpair())
            for _ in range(4):
                send_descriptors(kept[-1][0], [number] * 200)
                count += 200
    return count, kept


def shown(node):
    """The path of what the host has laid out in a directory to be shown; a sandbox without a tree of its own has it in its place."""
    if node not in CANARY["nodes"]:
        skipped("the host could not make it")
    directory = "/opt/shown" if os.path.isdir("/opt/shown") else CANARY["shown"]
    if not os.path.isdir(directory):
        skipped("no directory is shown")
    return os.path.join(directory, node)


def reap(pids):
    """Ends these children, and collects them."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)


def status_of(pid="self"):
    """The fields of /proc/PID/status."""
    with open("/proc/%s/status" % pid) as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def processes():
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}


def ancestors():
    """This process and those above it, as far as they can be seen."""
    found, pid = set(), os.getpid()
    while pid > 0 and pid not in found:
        found.add(pid)
        try:
            pid = int(status_of(pid)["PPid"])
        except (OSError, KeyError):
            break
    return found


def ioctl(descriptor, command, argument=0):
    """With all 64 bits of the command, which fcntl.ioctl would cut off."""
    return call(16 if X86 else 29, descriptor, command, argument)


def mapped():
    """The lines of /proc/self/maps: start, end, permissions, name."""
    with open("/proc/self/maps") as file:
        for line in file:
            fields = line.split(None, 5)
            start, end = (int(each, 16) for each in fields[0].split("-"))
            yield start, end, fields[1], fields[5].strip() if len(fields) > 5 else ""


def writable_memory():
    """What stands in this process's private writable memory, mapping by mapping, 64 MiB of each at most."""
    for start, end, permissions, name in list(mapped()):
        if permissions.startswith("rw") and not name.startswith("[v"):
            yield name, ctypes.string_at(start, min(end - start, 64 << 20))


def mark(name, value):
    """Says a value that no other sandbox may have: the suite compares both sandboxes of a pair."""
    sys.stdout.write("mark: %s %s=%s\n" % (NONCE, name, value))
    sys.stdout.flush()


def stay(seconds=40):
    """Ends a first part: the suite starts the second now, and ends the first afterwards."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    time.sleep(seconds)


def meet(seconds=2):
    """Between both parts, where each of two sandboxes plays both: long enough for the other to have begun."""
    time.sleep(seconds)


# Tells this sandbox from its sibling.
NONCE = os.urandom(8).hex()
