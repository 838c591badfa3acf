# Listens under an abstract unix name for a sibling.
# part: victim
with refused():
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        server.bind("\0zeroboot-attack-sibling")
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            through("a sibling has taken the name")
        raise
# part: attacker
with refused():
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    probe.connect("\0zeroboot-attack-sibling")
    held("only its own") if "server" in globals() else through("a sibling listens")
