import sys

print(sys.getrecursionlimit(), sys.getswitchinterval(), sys.flags.dev_mode, sys.flags.utf8_mode)
print(sys.getdlopenflags(), sys.float_repr_style, sys.maxsize)
