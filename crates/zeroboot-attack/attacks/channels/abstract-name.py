# Reaches the abstract unix names of a sibling, by each call that takes an address.
PREFIX = "zeroboot-attack-sibling-"
KINDS = (socket.SOCK_STREAM, socket.SOCK_SEQPACKET, socket.SOCK_DGRAM)
kept = []
# part: victim
with refused():
    for kind in KINDS:
        server = socket.socket(socket.AF_UNIX, kind)
        server.bind("\0%s%s" % (PREFIX, NONCE))
        if kind != socket.SOCK_DGRAM:
            server.listen(8)
        kept.append(server)
# part: attacker
with refused():
    with open("/proc/self/net/unix") as file:
        listed = {line.split()[-1][1:] for line in file if "@" + PREFIX in line}
siblings = {name for name in listed if not name.endswith(NONCE)}
if not siblings:
    held("no name of a sibling is listed")
errors = set()
for name in siblings:
    for kind in KINDS:
        probe = socket.socket(socket.AF_UNIX, kind)
        attempts = [lambda: probe.connect("\0" + name)]
        if kind == socket.SOCK_DGRAM:
            free, pair = socket.socket(socket.AF_UNIX, kind), socket.socketpair(socket.AF_UNIX, kind)
            attempts.append(lambda: free.sendto(b"attack", "\0" + name))
            attempts.append(lambda: free.sendmsg([b"attack"], [], 0, "\0" + name))
            attempts.append(lambda: pair[0].sendmsg([b"attack"], [], 0, "\0" + name))
        for attempt in attempts:
            try:
                attempt()
                through("a sibling is reached, by type %d" % kind)
            except OSError as error:
                errors.add(name_of(error))
held(", ".join(sorted(errors)))
