import os
import sys

if os.environ.get("AGAIN"):
    print("again", sys.argv[1:])
else:
    os.environ["AGAIN"] = "1"
    os.execv(sys.executable, [sys.executable, __file__, "x"])
