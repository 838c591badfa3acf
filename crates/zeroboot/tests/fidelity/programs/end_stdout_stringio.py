import io
import sys

print("before")
sys.stdout = io.StringIO()
print("into the buffer")
