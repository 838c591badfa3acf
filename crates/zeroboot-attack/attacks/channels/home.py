# Leaves a file for a sibling in its home.
# part: victim
HOME = os.path.expanduser("~")
with refused():
    own = scratch("sibling-%s-" % NONCE, HOME)
    with open(own, "w") as file:
        file.write(NONCE)
# part: attacker
found = [name for name in os.listdir(os.path.expanduser("~")) if name.startswith("sibling-") and NONCE not in name]
through("a sibling left %s" % found[0]) if found else held("a home of its own")
