# needs: python 3.11
import os
import subprocess

child = subprocess.Popen(["sleep", "30"], process_group=0)
print(os.getpgid(child.pid) == child.pid)
child.terminate()
print(child.wait())
