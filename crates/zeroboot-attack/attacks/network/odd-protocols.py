# Opens sockets of protocols beside TCP and UDP, some of which the kernel loads a module for.
KINDS = {
    "mptcp": (socket.SOCK_STREAM, 262),
    "udp-lite": (socket.SOCK_DGRAM, 136),
    "sctp": (socket.SOCK_SEQPACKET, 132),
    "dccp": (6, 33),
    "ping": (socket.SOCK_DGRAM, socket.IPPROTO_ICMP),
    "smc": (socket.SOCK_STREAM, 256),
    "l2tp": (socket.SOCK_DGRAM, 115),
    "raw": (socket.SOCK_RAW, 255),
    "packet": (10, 0),
}
passed, errors = [], set()
for name, (kind, protocol) in KINDS.items():
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.socket(family, kind, protocol).close()
            passed.append(name)
        except OSError as error:
            errors.add(name_of(error))
through(", ".join(sorted(set(passed)))) if passed else held(", ".join(sorted(errors)))
