import subprocess
import sys

code = "import sys; print(len(sys.stdin.buffer.read()))"
print(subprocess.run([sys.executable, "-c", code], input=b"x" * 300000, capture_output=True).stdout)
