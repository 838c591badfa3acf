import os
import subprocess

open_ones = [int(each) for each in os.listdir("/proc/self/fd")]
print(sorted(open_ones)[:3])
print(subprocess.check_output(["sh", "-c", "ls /proc/self/fd | head -n 3 | tr '\\n' ' '"], text=True))
