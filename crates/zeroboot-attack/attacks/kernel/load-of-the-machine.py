# Reads the load of the whole machine, which siblings can raise and lower as a signal.
with refused():
    with open("/proc/loadavg") as file:
        running = file.read().split()[3]
    visible = 0
    for pid in processes():
        with contextlib.suppress(OSError):
            visible += len(os.listdir("/proc/%d/task" % pid))
    total = int(running.split("/")[1])
    through("%d threads exist, %d are its own" % (total, visible)) if total > visible + 8 else held("only its own")
