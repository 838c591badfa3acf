# Looks for any other file of /proc, outside of processes, that opens for writing.
OTHERS = ("sys", "self", "thread-self", "net", "pressure")
count, begun = 0, time.monotonic()
for place, below, names in os.walk("/proc"):
    if place == "/proc":
        below[:] = [name for name in below if not name.isdigit() and name not in OTHERS]
        # sysrq-trigger and pressure have attacks of their own, which know what they open.
        names = [name for name in names if name != "sysrq-trigger"]
    for name in names:
        path = os.path.join(place, name)
        count += 1
        with contextlib.suppress(OSError):
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
            through("%s is open for writing" % path)
    if time.monotonic() - begun > 8:
        break
held("none of %d opens" % count)
