import fcntl
import os

with open("lock", "w") as file:
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    pid = os.fork()
    if pid == 0:
        with open("lock") as again:
            try:
                fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                print(error)
                os.sys.stdout.flush()
        os._exit(0)
    os.waitpid(pid, 0)
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    print("both")
