# Reads the host's sockets and interfaces in /proc/net.
found = []
with contextlib.suppress(OSError):
    with open("/proc/net/dev") as file:
        found += [line.split(":")[0].strip() for line in list(file)[2:] if not line.strip().startswith("lo:")]
with contextlib.suppress(OSError):
    with open("/proc/net/unix") as file:
        found += [line.split()[-1] for line in file if "@" + CANARY["abstract"] in line]
with contextlib.suppress(OSError):
    with open("/proc/net/tcp") as file:
        found += ["port %d" % CANARY["port"] for line in file if ":%04X " % CANARY["port"] in line]
through(found[:6]) if found else held("neither interfaces nor sockets of the host")
