# Keeps every processor busy at once.
COUNT, SECONDS = os.cpu_count() or 1, 2.0
if COUNT < 2:
    skipped("there is one processor")
pids = []
for _ in range(min(COUNT, 16)):
    pid = os.fork()
    if pid == 0:
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            pass
        os._exit(0)
    pids.append(pid)
for pid in pids:
    os.waitpid(pid, 0)
times = os.times()
share = (times.children_user + times.children_system) / SECONDS
text = "%.2f of %d processors" % (share, COUNT)
through(text) if share > 1.2 else held(text)
