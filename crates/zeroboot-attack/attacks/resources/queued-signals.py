# Sends itself more than 4,096 signals that it never takes, which the kernel keeps for it.
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
signal_number = int(signal.SIGRTMIN)
what = ctypes.create_string_buffer(struct.pack("iii", signal_number, 0, -1), 128)
count = 0
try:
    while count <= 4096:
        call("rt_sigqueueinfo", os.getpid(), signal_number, what)
        count += 1
except OSError as error:
    held("%s after %d" % (name_of(error), count))
through("%d signals" % count)
