import os
import signal
import time

print("before")
os.kill(os.getpid(), signal.SIGINT)
time.sleep(10)
