import threading


def work():
    raise KeyboardInterrupt


thread = threading.Thread(target=work, name="worker")
thread.start()
thread.join()
print("main goes on")
