import atexit
import os

atexit.register(lambda: (print("handler", flush=True), os._exit(11)))
print("end")
