import os
import signal
import sys

signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(40 + number))
print("before")
os.kill(os.getpid(), signal.SIGTERM)
print("never")
