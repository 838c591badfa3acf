import ctypes

libc = ctypes.CDLL(None)
libc.printf(b"from C\n")
raise LookupError("after C")
