import threading


def hook(about):
    print("hook:", about.exc_value, about.thread.name)


threading.excepthook = hook
thread = threading.Thread(target=lambda: 1 / 0, name="divider")
thread.start()
thread.join()
