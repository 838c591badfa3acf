import os
import pty

pid, controller = pty.fork()
if pid == 0:
    print("child", os.isatty(0), flush=True)
    os._exit(3)
data = b""
try:
    while piece := os.read(controller, 100):
        data += piece
except OSError as error:
    print(error.errno)
print(data, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
