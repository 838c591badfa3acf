# Shows itself to a sibling by the name of a process.
# part: victim
with contextlib.suppress(OSError):
    call("prctl", 15, ("sib" + NONCE[:10]).encode() + b"\0", 0, 0, 0)
# part: attacker
for pid in processes():
    with contextlib.suppress(OSError):
        with open("/proc/%d/comm" % pid) as file:
            name = file.read().strip()
        if name.startswith("sib") and name != "sib" + NONCE[:10]:
            through("a sibling is process %d, %s" % (pid, name))
held("no sibling is seen")
