# Compares the random numbers of the kernel and of the C library in two siblings.
# part: both
mark("urandom", os.urandom(16).hex())
mark("getrandom", os.getrandom(16).hex())
with contextlib.suppress(AttributeError):
    LIBC.arc4random.restype = ctypes.c_uint
    mark("arc4random", "%x%x%x%x" % tuple(LIBC.arc4random() for _ in range(4)))
# part: attacker
held("every value differs")
