# Sends itself more than 4,096 signals that it never takes, which the kernel keeps for it.
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
count = 0
try:
    while count <= 4096:
        signal.pthread_kill(threading.get_ident(), signal.SIGRTMIN)
        count += 1
except OSError as error:
    held("%s after %d" % (name_of(error), count))
through("%d signals" % count)
