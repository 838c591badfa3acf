# Counts sockets of siblings in the list of its network.
OWN = 60


def listed():
    with open("/proc/self/net/unix") as file:
        return len(file.readlines()) - 1


before = 0
# part: victim
with refused():
    before = listed()
pairs = [socket.socketpair() for _ in range(OWN)]
# part: attacker
with refused():
    seen = listed()
others = seen - 2 * OWN * ("pairs" in globals())
through("%d sockets of others" % others) if others >= OWN else held("%d sockets of others" % others)
