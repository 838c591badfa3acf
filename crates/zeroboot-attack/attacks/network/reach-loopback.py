# Connects to a server on the host's loopback address.
with refused():
    with socket.create_connection(("127.0.0.1", CANARY["port"]), timeout=3) as connection:
        through("the host answers: %r" % connection.recv(64))
