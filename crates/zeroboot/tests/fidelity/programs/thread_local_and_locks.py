import threading

local = threading.local()
total, lock = 0, threading.Lock()


def work(n):
    global total
    local.value = n
    for _ in range(1000):
        with lock:
            total += 1


threads = [threading.Thread(target=work, args=(n,)) for n in range(5)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(total, hasattr(local, "value"), threading.active_count())
