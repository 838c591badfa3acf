import signal
import time


def handler(number, frame):
    raise TimeoutError(signal.Signals(number).name)


signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.05)
try:
    time.sleep(10)
except TimeoutError as error:
    print(error)
