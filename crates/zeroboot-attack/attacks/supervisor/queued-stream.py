# Sends nothing, and then its streams, over each socket that it was given: what stays in a queue stays open.
for channel in sockets():
    with contextlib.suppress(OSError):
        channel.send(b"")
        send_descriptors(channel, [1, 2])
held("its command has ended")
