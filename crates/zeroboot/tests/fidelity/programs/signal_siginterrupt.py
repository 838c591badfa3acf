import os
import signal
import threading
import time

signal.signal(signal.SIGALRM, lambda number, frame: print("handled"))
signal.siginterrupt(signal.SIGALRM, False)
reader, writer = os.pipe()
signal.setitimer(signal.ITIMER_REAL, 0.05)
threading.Timer(0.15, os.write, (writer, b"data")).start()
print(os.read(reader, 4))
