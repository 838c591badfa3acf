# Asks whether a page of the common tree is in memory, and so whether a neighbour has used it (RWF_NOWAIT).
file = os.open(os.__file__, os.O_RDONLY)
with refused():
    try:
        os.preadv(file, [bytearray(1)], 0, os.RWF_NOWAIT)
        through("it is in memory")
    except BlockingIOError:
        through("it is not in memory")
