# Fills all pages of pipes that its user may: another sandbox has pipes of one page or two.


def room(pipe):
    os.set_blocking(pipe[1], False)
    written = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            written += os.write(pipe[1], bytes(4096))
    return written


# part: greedy
kept, children = [], []
for _ in range(8):
    with contextlib.suppress(OSError):
        while True:
            kept.append(os.pipe())
    # A child keeps these, for its parent to have descriptors again.
    children.append(os.fork())
    if children[-1] == 0:
        time.sleep(40)
        os._exit(0)
    for each in kept:
        os.close(each[0])
        os.close(each[1])
    kept.clear()
# part: other
size = room(os.pipe())
through("its pipes hold %d bytes" % size) if size < 65536 else held("its pipes hold %d bytes" % size)
