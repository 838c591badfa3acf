# Sends from a connected pair to an abstract name of its own choice.
errors = set()
for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET, socket.SOCK_DGRAM):
    try:
        ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
        ours.sendmsg([b"attack"], [], 0, "\0" + CANARY["datagram"])
        if select.select([theirs], [], [], 0.2)[0]:
            errors.add("the address is ignored")
        else:
            through("sent elsewhere, by type %d" % kind)
    except OSError as error:
        errors.add(name_of(error))
held(", ".join(sorted(errors)))
