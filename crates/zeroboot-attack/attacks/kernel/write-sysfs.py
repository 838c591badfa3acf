# Looks for files of /sys that open for writing (nothing is written).
count, begun = 0, time.monotonic()
for place, below, names in os.walk("/sys"):
    for name in names:
        path = os.path.join(place, name)
        with contextlib.suppress(OSError):
            mode = os.lstat(path).st_mode
            if stat.S_ISREG(mode) and mode & 0o222:
                count += 1
                os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
                through("%s is open for writing" % path)
    if time.monotonic() - begun > 8:
        break
held("none of %d opens" % count if count else "there is no /sys")
