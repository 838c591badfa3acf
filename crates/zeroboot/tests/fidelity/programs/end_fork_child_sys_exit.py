import atexit
import os
import sys

atexit.register(lambda: print("handler of", "child" if child else "parent"))
child = os.fork() == 0
if child:
    sys.exit(7)
print(os.waitstatus_to_exitcode(os.wait()[1]))
