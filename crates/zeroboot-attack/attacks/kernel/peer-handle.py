# Takes a handle of the process at the other end of a socket (SO_PEERPIDFD).
errors = set()
for own in [*sockets(), *socket.socketpair()]:
    try:
        own.getsockopt(socket.SOL_SOCKET, 77, 4)
        through("a pidfd of the peer of descriptor %d" % own.fileno())
    except OSError as error:
        errors.add(name_of(error))
held(", ".join(sorted(errors)))
