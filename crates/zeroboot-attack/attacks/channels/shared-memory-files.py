# Leaves a file for a sibling in /dev/shm.
# part: victim
with refused():
    own = scratch("sibling-%s-" % NONCE, "/dev/shm")
    with open(own, "w") as file:
        file.write(NONCE)
# part: attacker
with refused():
    found = [name for name in os.listdir("/dev/shm") if name.startswith("sibling-") and NONCE not in name]
through("a sibling left %s" % found[0]) if found else held("a /dev/shm of its own")
