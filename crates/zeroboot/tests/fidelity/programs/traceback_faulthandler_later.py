import faulthandler
import os
import signal
import sys

faulthandler.register(signal.SIGUSR1, all_threads=False)


def work():
    os.kill(os.getpid(), signal.SIGUSR1)


work()
print("goes on", file=sys.stderr)
