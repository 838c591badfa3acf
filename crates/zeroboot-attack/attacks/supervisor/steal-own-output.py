# Reads its own output back before its supervisor does, which then waits for it in vain, and sees neither packets nor the clock.
with refused():
    end = os.open("/proc/self/fd/1", os.O_RDONLY | os.O_NONBLOCK)
thieves = []
for _ in range(2):
    thieves.append(os.fork())
    if thieves[-1] == 0:
        while True:
            with contextlib.suppress(BlockingIOError):
                os.read(end, 65536)
stop, turn = time.monotonic() + 1, 0
while time.monotonic() < stop:
    turn += 1
    os.write(1, b"\n")
    if turn % 3 == 0:
        time.sleep(0.0001)
reap(thieves)
# Nothing is written any more. A supervisor that does not wait for it takes packets.
channels = list(sockets())
if not channels:
    skipped("there is no channel that would show it")
for channel in channels:
    stop = time.monotonic() + 0.3
    try:
        while time.monotonic() < stop:
            if not select.select([], [channel], [], 1.5)[1]:
                through("nobody takes what it sends")
            channel.send(bytes(100))
    except OSError as error:
        held("the output was read again, and its supervisor has noticed: %s" % name_of(error))
held("the output was read again, and its supervisor does not wait for it")
