# Looks for open descriptors beyond the standard streams and one channel.
found = {}
for name in os.listdir("/proc/self/fd"):
    with contextlib.suppress(OSError):
        found[int(name)] = os.readlink("/proc/self/fd/" + name)
extra = {number: target for number, target in found.items() if number > 3}
if 3 in found and not found[3].startswith("socket:"):
    extra[3] = found[3]
through(extra) if extra else held("only %s" % sorted(found))
