# Connects to a unix socket in the host's temporary directory.
with refused():
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(CANARY["socket"])
        through("the host answers: %r" % connection.recv(64))
