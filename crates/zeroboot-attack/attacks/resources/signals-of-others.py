# Queues all signals that its user may: another sandbox gets no timer.
# part: greedy
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
signal_number = int(signal.SIGRTMIN)
what = ctypes.create_string_buffer(struct.pack("iii", signal_number, 0, -1), 128)
with contextlib.suppress(OSError):
    for _ in range(400_000):
        call("rt_sigqueueinfo", os.getpid(), signal_number, what)
# part: other
try:
    call("timer_create", 1, None, ctypes.create_string_buffer(8))
    held("the other one has a timer")
except OSError as error:
    through("the other one has no timer: %s" % name_of(error))
