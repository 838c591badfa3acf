# Leaves more than 16 MiB on its way between sockets, which the kernel takes from all sockets of the machine.
with refused():
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(64)
    kept, count = [], 0
    for _ in range(40):
        near = socket.create_connection(server.getsockname(), 2)
        kept += [near, server.accept()[0]]
        near.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                count += near.send(bytes(1 << 16))
through("%d MiB" % (count >> 20)) if count > 16 << 20 else held("%d MiB" % (count >> 20))
