# Fills each socket that it was given, and sends its streams behind all that.
until = time.monotonic() + 1
for channel in sockets():
    with contextlib.suppress(OSError):
        while time.monotonic() < until:
            channel.send(b"x")
            send_descriptors(channel, [1, 2])
held("its command has ended")
