import subprocess
import sys

print("first")
sys.stdout.flush()
subprocess.run(["echo", "second"])
subprocess.run("echo third >&2", shell=True)
