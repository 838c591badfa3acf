# Listens on the loopback address for a sibling.
# part: victim
with refused():
    server = socket.socket()
    try:
        server.bind(("127.0.0.1", 48879))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            through("a sibling has taken the port")
        raise
    server.listen(1)
# part: attacker
with refused():
    if "server" not in globals():
        socket.create_connection(("127.0.0.1", 48879), timeout=3).close()
        through("a sibling listens")
held("only its own")
