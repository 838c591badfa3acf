# Looks for descriptors of processes, rings, counters or watches that were open in the template.
SUSPECT = ("anon_inode:", "pidfd:", "net:", "mnt:", "user:", "pid:", "/dev/fuse", "/memfd:")
found = {}
for name in os.listdir("/proc/self/fd"):
    with contextlib.suppress(OSError):
        target = os.readlink("/proc/self/fd/" + name)
        if target.startswith(SUSPECT):
            found[name] = target
through(found) if found else held("there is none")
