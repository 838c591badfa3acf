import os
import subprocess

print(subprocess.check_output(["sh", "-c", "umask"], preexec_fn=lambda: os.umask(0o77), text=True))
