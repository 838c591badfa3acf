"""A careless fork server: what it runs inherits everything, and it waits for all of it. The attacks on what a fork leaves, and
on a supervisor that waits, must succeed in it.

Usage: careless.py [COUNT]: runs the program on its standard input in so many forks at once, two without it.
"""
import array
import ctypes
import mmap
import os
import random
import signal
import socket
import sys

program = sys.stdin.read()
libc = ctypes.PyDLL(None)
shared = mmap.mmap(-1, 4096)
random.random()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
# A channel whose packets it leaves where they are, and errors that it passes on until nobody holds their pipe any more.
channel, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
errors, writer = os.pipe()
# It hands descriptors over, as any supervisor does.
near, other = socket.socketpair()
with near, other:
    near.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [writer]))])
children = []
for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 2):
    # Around the interpreter, which would seed its random numbers again.
    pid = libc.fork()
    if pid == 0:
        channel.close()
        os.close(errors)
        os.dup2(writer, 2)
        exec(compile(program, "<attack>", "exec"), {"__name__": "__main__"})
        os._exit(0)
    children.append(pid)
far.close()
os.close(writer)
while True:
    said = os.read(errors, 65536)
    if not said:
        break
    os.write(2, said)
for pid in children:
    os.waitpid(pid, 0)
