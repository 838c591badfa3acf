import io
import sys

sys.stdin = io.StringIO("made up\n")
print(input("? "))
