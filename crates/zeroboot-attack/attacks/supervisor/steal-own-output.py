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
stop, waited = time.monotonic() + 2, 0
channels = list(sockets())
if not channels:
    skipped("there is no channel that would show it")
for channel in channels:
    while time.monotonic() < stop:
        try:
            channel.send(bytes(100))
            waited = 0
        except BlockingIOError:
            waited += 1
            if waited > 300:
                through("nobody takes what it sends")
            time.sleep(0.005)
        except OSError as error:
            held("the output was read again, and its supervisor noticed: %s" % name_of(error))
held("the output was read again, and its supervisor does not wait for it")
