# Looks for any setting below /proc/sys that takes a value: the one that it has.
count, begun = 0, time.monotonic()
for place, _, names in os.walk("/proc/sys"):
    for name in names:
        path = os.path.join(place, name)
        count += 1
        # What cannot be read is a trigger, not a setting: it is left alone.
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
            os.pwrite(descriptor, os.pread(descriptor, 4096, 0), 0)
            through("%s was written" % path)
    if time.monotonic() - begun > 8:
        break
held("none of %d takes one" % count)
