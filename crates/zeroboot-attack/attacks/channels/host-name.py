# Leaves a host name for a sibling.
# part: victim
with refused():
    name = ("sib" + NONCE[:10]).encode()
    call("sethostname", name, len(name))
# part: attacker
name = os.uname().nodename
through("a sibling says %s" % name) if name.startswith("sib") and NONCE[:10] not in name else held("its own name")
