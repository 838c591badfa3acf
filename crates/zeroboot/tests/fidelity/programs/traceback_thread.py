import threading


def work():
    def inner():
        raise ValueError("deep in a thread")

    inner()


thread = threading.Thread(target=work, name="worker")
thread.start()
thread.join()
