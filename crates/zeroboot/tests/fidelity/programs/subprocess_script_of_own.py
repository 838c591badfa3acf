import os
import subprocess

open("tool", "w").write("#!/bin/sh\necho tool \"$@\"\n")
os.chmod("tool", 0o755)
print(subprocess.check_output(["./tool", "a", "b c"], text=True), end="")
