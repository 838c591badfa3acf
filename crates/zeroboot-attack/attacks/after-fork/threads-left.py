# Looks for threads of the template that run in it.
names = os.listdir("/proc/self/task")
through("%d threads" % len(names)) if len(names) > 1 else held("one thread")
