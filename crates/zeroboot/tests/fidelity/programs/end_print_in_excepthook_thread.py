import sys
import threading


def work():
    print("thread prints")
    raise ValueError("in the thread")


thread = threading.Thread(target=work, name="worker-1")
thread.start()
thread.join()
print("status is 0")
