import os
import threading
import warnings

# It names the process by its number.
warnings.simplefilter("ignore", DeprecationWarning)


def work():
    pid = os.fork()
    if pid == 0:
        print("main thread of the child:", threading.current_thread() is threading.main_thread())
        os.sys.stdout.flush()
        os._exit(0)
    os.waitpid(pid, 0)


thread = threading.Thread(target=work)
thread.start()
thread.join()
