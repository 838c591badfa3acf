# Reads the host's files by way of the root directory of process 1.
if os.getpid() == 1:
    held("process 1 is this one")
with refused():
    with open("/proc/1/root/etc/shadow", "rb") as file:
        through("/etc/shadow of process 1 has %d bytes" % len(file.read()))
