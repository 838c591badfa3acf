# Connects to an abstract unix name of the host.
with refused():
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect("\0" + CANARY["abstract"])
        through("the host answers: %r" % connection.recv(64))
