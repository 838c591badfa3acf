# Queues signals and makes timers, as many as its user may: another sandbox gets no timer.
# part: greedy
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
with contextlib.suppress(OSError):
    for _ in range(400_000):
        signal.pthread_kill(threading.get_ident(), signal.SIGRTMIN)
# Each timer keeps one ready, and needs no such signal to be allowed.
with contextlib.suppress(OSError):
    for _ in range(400_000):
        call("timer_create", 1, None, ctypes.create_string_buffer(8))
# part: other
try:
    call("timer_create", 1, None, ctypes.create_string_buffer(8))
    held("the other one has a timer")
except OSError as error:
    through("the other one has no timer: %s" % name_of(error))
