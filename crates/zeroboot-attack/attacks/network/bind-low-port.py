# Binds a port that belongs to the system.
with refused():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 879))
        through("port 879")
