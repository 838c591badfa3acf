# Looks for timers, blocked signals and handlers that the template left.
found = []
for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
    if signal.getitimer(timer) != (0.0, 0.0):
        found.append("timer %d" % timer)
blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
if blocked:
    found.append("blocked %s" % sorted(blocked))
with contextlib.suppress(OSError):
    with open("/proc/self/timers") as file:
        if file.read().strip():
            found.append("posix timers")
through(found) if found else held("none")
