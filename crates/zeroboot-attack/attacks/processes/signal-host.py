# Sends signal 0 to the suite's own process, by its number on the host.
pid = CANARY["pid"]
with refused():
    os.kill(pid, 0)
    with open("/proc/%d/cmdline" % pid, "rb") as file:
        words = file.read()
    if not words.startswith(CANARY["program"].encode() + b"\0"):
        held("that number is another process")
    through("reaches %r" % words[:60])
