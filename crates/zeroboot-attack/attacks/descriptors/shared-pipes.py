# Looks whether two siblings hold the same pipe or socket.
# part: both
for name in os.listdir("/proc/self/fd"):
    with contextlib.suppress(OSError):
        target = os.readlink("/proc/self/fd/" + name)
        if target.startswith(("pipe:", "socket:")):
            mark("holds", target)
# part: attacker
held("every value differs")
