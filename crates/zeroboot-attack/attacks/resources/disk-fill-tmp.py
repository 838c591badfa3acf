# Writes 512 MiB into /tmp.
place = tempfile.gettempdir()
path, block, written = scratch_file(directory=place), b"x" * (1 << 20), 0
with open(path, "wb", buffering=0) as file:
    try:
        while written < 512 << 20:
            written += file.write(block)
        problem = None
    except OSError as error:
        problem = "%s after %d MiB" % (name_of(error), written >> 20)
held(problem) if problem else through("%d MiB in %s" % (written >> 20, place))
