# Forks up to 400 sleeping processes.
MOST, pids = 400, []
try:
    while len(pids) < MOST:
        pid = os.fork()
        if pid == 0:
            signal.pause()
            os._exit(0)
        pids.append(pid)
    problem = None
except OSError as error:
    problem = "%s after %d processes" % (name_of(error), len(pids))
reap(pids)
held(problem) if problem else through("%d processes" % MOST)
