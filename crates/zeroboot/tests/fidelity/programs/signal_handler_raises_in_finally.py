import os
import signal


def handler(number, frame):
    raise RuntimeError("from the handler")


signal.signal(signal.SIGUSR2, handler)
try:
    os.kill(os.getpid(), signal.SIGUSR2)
finally:
    print("finally")
