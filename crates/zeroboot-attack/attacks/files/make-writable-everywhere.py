# Looks for any directory outside of the private ones in which a file can be made.
private = ("/proc", "/sys", "/tmp", "/var/tmp", "/dev/shm", os.path.realpath(os.path.expanduser("~")))
begun, seen = time.monotonic(), 0
for place, below, _ in os.walk("/"):
    below[:] = [name for name in below if not os.path.join(place, name).startswith(private)]
    seen += 1
    if os.path.realpath(place).startswith(private):
        continue
    if os.access(place, os.W_OK):
        path = scratch(directory=place)
        with contextlib.suppress(OSError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            through("made %s" % path)
    if time.monotonic() - begun > 8:
        break
held("nothing can be made in %d directories" % seen)
