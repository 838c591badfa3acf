# Sends its streams many times over, over each socket that it was given: those beyond what is taken from a message stay open.
for channel in sockets():
    for count in (1, 8, 9, 12, 13, 64, 253):
        with contextlib.suppress(OSError):
            send_descriptors(channel, ([1, 2] * 127)[:count])
held("its command has ended")
