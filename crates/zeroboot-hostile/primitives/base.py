"""What a sandbox can do to all that it holds, as functions. A hostile program is a sequence of calls of these.

Read into a template as its warm-up, so that a program is a few lines and starts at once. Each function is bounded in time, memory
and processes; whatever it raises, `attempt` swallows. Only the first process goes on to the next call: every other one ends
with a status that no run may ever have.
"""

import array
import ctypes
import fcntl
import mmap
import os
import resource
import select
import signal
import socket
import struct
import sys
import threading
import time

LIBC = ctypes.CDLL(None, use_errno=True)
CHANNEL = 3

# What every process but the first ends with.
FORGED = 201

# What must not be closed behind a program's back.
KEPT = []

# How many processes may still be made: nothing else bounds those of an ordinary user where there are no cgroups.
budget = 24


def attempt(what, *arguments):
    try:
        what(*arguments)
    except Exception:
        pass


def say(text):
    os.write(1, text.encode() + b"\n")


def refused(name, what, *arguments):
    """For what must be refused: says so if it is not."""
    try:
        what(*arguments)
    except (OSError, ValueError):
        return
    say("through: " + name)


def checked(result):
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def system_call(number, *words):
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in words]
    return checked(LIBC.syscall(ctypes.c_long(number), *words))


def child(body, *arguments):
    """A child that does this and ends; its number, or 0 when there may be no more."""
    global budget
    if budget < 1:
        return 0
    budget -= 1
    pid = os.fork()
    if pid == 0:
        budget = 0
        try:
            body(*arguments)
        except BaseException:
            pass
        finally:
            os._exit(FORGED)
    return pid


def orphan(body, *arguments):
    """The same, whose parent is gone at once."""
    global budget
    if budget < 2:
        return
    budget -= 1
    pid = os.fork()
    if pid == 0:
        budget = 1
        try:
            child(body, *arguments)
        finally:
            os._exit(FORGED)
    budget -= 1
    os.waitpid(pid, 0)


def several(count, make, body, *arguments):
    for _ in range(count):
        make(body, *arguments)


# What children do.


def sleep_on():
    time.sleep(60)


def spin():
    while True:
        pass


def be_deaf():
    """Ignores and blocks all that can be, and stays."""
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    sleep_on()


def stop_self():
    os.kill(os.getpid(), signal.SIGSTOP)
    sleep_on()


def end_at_once():
    os._exit(FORGED)


def lead_session():
    os.setsid()
    sleep_on()


def write_on(fd, data, pause):
    while True:
        os.write(fd, data)
        time.sleep(pause)


def read_on(fd):
    while True:
        try:
            if not os.read(fd, 65536):
                time.sleep(0.001)
        except BlockingIOError:
            pass


def burn(milliseconds):
    """Takes so much CPU time, in whichever process this is."""
    end = time.process_time() + milliseconds / 1000
    while time.process_time() < end:
        pass


# How the first process ends, beyond `sys.exit` and `os._exit`.


def end_by_signal(number):
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    os.kill(os.getpid(), number)
    sleep_on()


def end_by_child(number):
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    child(os.kill, os.getpid(), number)
    sleep_on()


def end_by_alarm(milliseconds):
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
    signal.setitimer(signal.ITIMER_REAL, milliseconds / 1000)
    sleep_on()


def end_by_fault():
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGSEGV])
    ctypes.string_at(16)


def end_by_shell(script):
    os.execv("/bin/sh", ["sh", "-c", script])


def end_by_python(code):
    os.execv("/usr/bin/python3", ["python3", "-I", "-S", "-c", "import os; os._exit(%d)" % code])


def end_by_thread(code):
    threading.Thread(target=os._exit, args=(code,), daemon=True).start()
    sleep_on()


def end_after_leader(code):
    """The first thread ends, and another one ends the process later."""

    def later():
        time.sleep(0.01)
        os._exit(code)

    threading.Thread(target=later, daemon=True).start()
    system_call(60, 0)


def end_by_shell_of_thread(script):
    threading.Thread(target=end_by_shell, args=(script,), daemon=True).start()
    sleep_on()


def end_after_done(code):
    """Says that the work is over, and waits for nothing."""
    try:
        socket.socket(fileno=os.dup(CHANNEL)).send(b"D", socket.MSG_DONTWAIT)
    finally:
        os._exit(code)


def end_while_measured(code):
    """Says that the work is over, and changes its mappings while the host reads them."""
    try:
        channel = socket.socket(fileno=os.dup(CHANNEL))
        channel.send(b"D", socket.MSG_DONTWAIT)
        for size in range(1, 200):
            block = mmap.mmap(-1, size * 4096)
            block[0] = 1
            block.close()
    finally:
        os._exit(code)
