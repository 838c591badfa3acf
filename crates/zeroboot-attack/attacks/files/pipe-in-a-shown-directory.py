# Writes into a named pipe of a directory that is shown read-only.
with refused():
    # Its other end is this one's own, lest it wait for a reader.
    pipe = os.open(shown("pipe"), os.O_RDWR | os.O_NONBLOCK)
    held("it is no pipe") if not stat.S_ISFIFO(os.fstat(pipe).st_mode) else None
    through("%d byte written" % os.write(pipe, b"x"))
