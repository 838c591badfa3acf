# Takes all pseudo-terminals that it may: another sandbox opens none.


def keeps(done):
    kept = []
    with contextlib.suppress(OSError):
        while True:
            kept.append(os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY))
    os.write(done, b"d")
    time.sleep(40)
    os._exit(0)


# part: greedy
done, says = os.pipe()
children = []
for _ in range(8):
    children.append(os.fork())
    if children[-1] == 0:
        keeps(says)
    # The next one begins where this one was refused.
    os.read(done, 1)
# part: other
if not os.path.exists("/dev/ptmx"):
    skipped("there are no terminals")
try:
    os.close(os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY))
    held("the other one has opened a terminal")
except OSError as error:
    through("the other one opens no terminal: %s" % name_of(error))
