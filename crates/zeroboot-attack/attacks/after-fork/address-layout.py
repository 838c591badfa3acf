# Compares where code and data lie in two siblings: who knows it has an easier second attempt.
# part: both
mark("code", hex(ctypes.cast(LIBC.getpid, ctypes.c_void_p).value))
# part: attacker
held("every value differs")
