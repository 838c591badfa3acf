# Looks for any setting below /proc/sys that opens for writing (nothing is written).
count, begun = 0, time.monotonic()
for place, _, names in os.walk("/proc/sys"):
    for name in names:
        path = os.path.join(place, name)
        count += 1
        with contextlib.suppress(OSError):
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
            through("%s is open for writing" % path)
    if time.monotonic() - begun > 8:
        break
held("none of %d opens" % count)
