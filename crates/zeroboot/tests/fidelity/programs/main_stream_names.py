import sys

for stream in (sys.stdin, sys.stdout, sys.stderr):
    print(stream.name, stream.mode, stream.fileno(), type(stream.buffer).__name__)
print(sys.__stdout__ is sys.stdout, sys.__stdin__ is sys.stdin)
