"""Runs a program below a system-call filter whose answers come from here, as in a container engine that refuses a call.

Usage: supervisor.py JSON PROGRAM [ARGUMENT...]. The JSON names:

    seccomp   the number of seccomp(2)
    number    the call to answer in the kernel's stead
    argument  null, or [which, value]: only with this argument
    errno     the answer; 0 is a success that has done nothing
    whose     "sandbox", "shell" or "template"
    times     how often; afterwards the call passes
    witness   the number of a call that only user code makes

It prints `refused PID` when it has answered, `gone PID` when that process has ended, `witness PID` for each witness, and
`nothing left` when the last process below the filter has ended, of whatever parent and in whatever namespace.
"""
import array
import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys

ASKED = json.loads(sys.argv[1])
LIBC = ctypes.CDLL(None, use_errno=True)

# Whatever goes wrong ends at some time.
PATIENCE = 120

DEATH_SIGNAL, SUBREAPER, NO_NEW_PRIVS = 1, 36, 38
SET_FILTER, NEW_LISTENER, CONTINUE = 1, 8, 1
RECEIVE, ANSWER = 0xC0502100, 0xC0182101
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
PASS, NOTIFY = 0x7FFF0000, 0x7FC00000


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def prctl(option, value):
    checked(LIBC.prctl(option, value, 0, 0, 0))


def install():
    """Installs the filter for this process and what it executes; gives the descriptor over which it asks."""
    code = [(LOAD, 0, 0, 0)]
    for number in {ASKED["number"], ASKED["witness"]}:
        code += [(EQUAL, 0, 1, number), (RETURN, 0, 0, NOTIFY)]
    code.append((RETURN, 0, 0, PASS))
    text = b"".join(struct.pack("=HBBI", *each) for each in code)
    program = ctypes.byref(Program(len(code), text))
    return checked(LIBC.syscall(ASKED["seccomp"], SET_FILTER, NEW_LISTENER, program))


def become_the_program(far):
    prctl(DEATH_SIGNAL, signal.SIGKILL)
    prctl(NO_NEW_PRIVS, 1)
    listener = install()
    far.sendmsg([b"l"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listener]))])
    os.close(listener)
    os.execv(sys.argv[2], sys.argv[2:])


def whose(pid):
    """By its numbers in the pid namespaces: the warden's is one below ours, that of a shell and its sandbox two."""
    with open("/proc/%d/status" % pid) as status:
        numbers = next(line for line in status if line.startswith("NSpid:")).split()[1:]
    names = [["host", "host"], ["warden", "template"], ["shell", "sandbox"]]
    return names[len(numbers) - 1][numbers[-1] != "1"]


def say(word, pid):
    os.write(1, ("%s %s\n" % (word, pid)).encode())


class Supervisor:
    def __init__(self, listener):
        self.listener = listener
        self.left = ASKED["times"]
        # Whom something was refused, by the pidfd.
        self.refused = {}
        self.poll = select.poll()
        self.poll.register(listener, select.POLLIN)

    def run(self):
        while True:
            for descriptor, events in self.poll.poll():
                if descriptor in self.refused:
                    self.poll.unregister(descriptor)
                    say("gone", self.refused.pop(descriptor))
                    os.close(descriptor)
                elif events & select.POLLIN:
                    # Who is killed while it asks is not found any more.
                    try:
                        self.answer()
                    except (FileNotFoundError, ProcessLookupError):
                        pass
                elif not self.refused:
                    return

    def answer(self):
        packet = bytearray(80)
        fcntl.ioctl(self.listener, RECEIVE, packet)
        identity, pid, _, number, _, _, *arguments = struct.unpack("=QIIiIQ6Q", packet)
        if number == ASKED["witness"]:
            say("witness", pid)
        code, flags = 0, CONTINUE
        if self.wants(pid, number, arguments):
            self.refuse(pid)
            code, flags = -ASKED["errno"], 0
        fcntl.ioctl(self.listener, ANSWER, struct.pack("=QqiI", identity, 0, code, flags))

    def wants(self, pid, number, arguments):
        if self.left == 0 or number != ASKED["number"] or whose(pid) != ASKED["whose"]:
            return False
        if ASKED["argument"] is None:
            return True
        which, value = ASKED["argument"]
        return arguments[which] == value

    def refuse(self, pid):
        self.left -= 1
        pidfd = os.pidfd_open(pid)
        self.refused[pidfd] = pid
        self.poll.register(pidfd, select.POLLIN)
        say("refused", pid)


def main():
    near, far = socket.socketpair()
    # Orphans come here and need no collecting: the listener hangs up when nobody is left below the filter.
    prctl(SUBREAPER, 1)
    if os.fork() == 0:
        near.close()
        become_the_program(far)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.alarm(PATIENCE)
    far.close()
    _, ancillary, _, _ = near.recvmsg(1, socket.CMSG_SPACE(4))
    if not ancillary:
        sys.exit("there is no filter")
    Supervisor(array.array("i", ancillary[0][2])[0]).run()
    say("nothing", "left")


main()
