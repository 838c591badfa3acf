# Keeps every processor busy at once.
COUNT, SECONDS = os.cpu_count() or 1, 1.5
if COUNT < 2:
    skipped("there is one processor")


def taken(count):
    """Processors' worth of time that so many busy processes get."""
    before, pids = os.times(), []
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            until = time.monotonic() + SECONDS
            while time.monotonic() < until:
                pass
            os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)
    after = os.times()
    return (after.children_user + after.children_system - before.children_user - before.children_system) / SECONDS


# Compared with what one alone gets: the machine may be busy with other things.
one, many = taken(1), taken(min(COUNT, 16))
text = "one process gets %.2f processors, %d get %.2f" % (one, min(COUNT, 16), many)
through(text) if many > 1.4 * one else held(text)
