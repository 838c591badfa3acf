import os
import subprocess
import sys

subprocess.Popen([sys.executable, "-c", "print('child')"]).wait()
print("parent")
