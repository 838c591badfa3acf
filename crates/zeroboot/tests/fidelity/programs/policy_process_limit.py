# policy: a sandbox has at most 64 processes and threads
# inside: stdout "limited\n"
import threading

stop = threading.Event()
threads = []
try:
    for _ in range(80):
        thread = threading.Thread(target=stop.wait)
        thread.start()
        threads.append(thread)
    said = "not limited"
except RuntimeError:
    said = "limited"
stop.set()
for thread in threads:
    thread.join()
print(said)
