# stdin: "abcdef"
import os
import sys

print(os.read(0, 3), sys.stdin.read())
