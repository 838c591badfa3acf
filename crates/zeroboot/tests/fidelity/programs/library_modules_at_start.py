import sys

print([name for name in ("json", "random", "socket", "ssl", "zeroboot", "subprocess", "threading", "typing") if name in sys.modules])
