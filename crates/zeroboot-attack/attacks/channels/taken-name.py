# Sees that a sibling has taken an abstract unix name.
# part: victim
with refused():
    server = socket.socket(socket.AF_UNIX)
    try:
        server.bind("\0zeroboot-attack-taken")
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            through("a sibling has taken the name")
        raise
# part: attacker
if "server" in globals():
    held("it was free")
with refused():
    probe = socket.socket(socket.AF_UNIX)
    try:
        probe.bind("\0zeroboot-attack-taken")
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            through("a sibling has taken the name")
        raise
    held("it was free")
