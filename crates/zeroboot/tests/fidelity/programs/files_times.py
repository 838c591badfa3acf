import os

open("x", "w").close()
os.utime("x", (1, 2))
about = os.stat("x")
print(about.st_atime, about.st_mtime_ns)
