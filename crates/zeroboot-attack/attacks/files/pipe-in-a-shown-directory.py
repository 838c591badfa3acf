# Writes into a named pipe of a directory that is shown read-only.
shown = "/opt/shown" if os.path.isdir("/opt/shown") else CANARY["shown"]
if not os.path.exists(shown + "/pipe"):
    skipped("no directory with a named pipe is shown")
with refused():
    # Its other end is this one's own, lest it wait for a reader.
    pipe = os.open(shown + "/pipe", os.O_RDWR | os.O_NONBLOCK)
    through("%d byte written" % os.write(pipe, b"x"))
