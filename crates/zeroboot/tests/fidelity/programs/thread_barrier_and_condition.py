import threading

barrier = threading.Barrier(3, action=lambda: print("all there"))
threads = [threading.Thread(target=barrier.wait) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
semaphore = threading.BoundedSemaphore(1)
semaphore.acquire()
semaphore.release()
try:
    semaphore.release()
except ValueError as error:
    print(error)
