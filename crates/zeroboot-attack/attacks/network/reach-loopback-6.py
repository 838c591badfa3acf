# Connects to the host's loopback address of the newer protocol.
with refused():
    if not CANARY["port6"]:
        socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        skipped("the host has no such address")
    with socket.create_connection(("::1", CANARY["port6"]), timeout=3) as connection:
        through("the host answers: %r" % connection.recv(64))
