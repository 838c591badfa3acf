"""A careless fork server: what it runs inherits everything. The attacks on what a fork leaves must succeed in it.

Usage: careless.py [COUNT]: runs the program on its standard input in so many forks at once, two without it.
"""
import ctypes
import mmap
import os
import random
import signal
import sys

program = sys.stdin.read()
libc = ctypes.PyDLL(None)
shared = mmap.mmap(-1, 4096)
random.random()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
children = []
for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 2):
    # Around the interpreter, which would seed its random numbers again.
    pid = libc.fork()
    if pid == 0:
        exec(compile(program, "<attack>", "exec"), {"__name__": "__main__"})
        os._exit(0)
    children.append(pid)
for pid in children:
    os.waitpid(pid, 0)
