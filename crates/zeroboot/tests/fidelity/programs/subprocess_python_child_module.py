import subprocess
import sys

open("own.py", "w").write("print('own', __name__)\n")
print(subprocess.run([sys.executable, "-m", "own"], capture_output=True, text=True))
