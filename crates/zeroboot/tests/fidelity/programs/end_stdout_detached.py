import sys

raw = sys.stdout.detach()
raw.write(b"by the binary layer\n")
