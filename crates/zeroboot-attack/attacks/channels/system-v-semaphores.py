# Leaves a number for a sibling in a System V semaphore.
# part: victim
MINE = int(NONCE[:3], 16) + 1
with refused():
    group = call("semget", 0x5A424154, 1, 0o1000 | 0o666)
    call("semctl", group, 0, 16, MINE)
# part: attacker
with refused():
    group = call("semget", 0x5A424154, 0, 0)
    value = call("semctl", group, 0, 12, 0)
    call("semctl", group, 0, 0, 0)
    through("a sibling says %d" % value) if value != globals().get("MINE") else held("only its own")
