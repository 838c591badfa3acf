# Listens on a port.
with refused():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        through("port %d" % server.getsockname()[1])
