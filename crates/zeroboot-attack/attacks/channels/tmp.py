# Leaves a file for a sibling in /tmp.
# part: victim
with refused():
    own = scratch("sibling-%s-" % NONCE)
    with open(own, "w") as file:
        file.write(NONCE)
# part: attacker
found = [name for name in os.listdir(tempfile.gettempdir()) if name.startswith("sibling-") and NONCE not in name]
through("a sibling left %s" % found[0]) if found else held("a /tmp of its own")
