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


def idle():
    """Seconds that the machine's processors had nothing to do, since it was started."""
    try:
        with open("/proc/stat") as file:
            return int(file.readline().split()[4]) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return None


# Compared with what one alone gets: the machine may be busy with other things.
one = taken(1)
before = idle()
many = taken(min(COUNT, 16))
text = "one process gets %.2f processors, %d get %.2f" % (one, min(COUNT, 16), many)
if many > 1.4 * one:
    through(text)
if before is not None and idle() - before < 0.25 * SECONDS:
    skipped("no processor was idle, so nothing can be told: " + text)
held(text)
