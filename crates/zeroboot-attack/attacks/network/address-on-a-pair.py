# Sends from a connected pair to an abstract name of its own choice.
errors = set()
for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET, socket.SOCK_DGRAM):
    try:
        ours, _theirs = socket.socketpair(socket.AF_UNIX, kind)
        ours.sendmsg([b"attack"], [], 0, "\0" + CANARY["datagram"])
        through("sent, by type %d" % kind)
    except OSError as error:
        errors.add(name_of(error))
held(", ".join(sorted(errors)))
