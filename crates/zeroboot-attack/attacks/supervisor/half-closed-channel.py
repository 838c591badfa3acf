# Sends its streams over each socket that it was given, and shuts the socket down behind them.
for how in (socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR):
    for channel in sockets():
        with contextlib.suppress(OSError):
            send_descriptors(channel, [1, 2])
        with contextlib.suppress(OSError):
            channel.shutdown(how)
held("its command has ended")
