# Looks for the files of its own cgroup, to lift its limits.
places = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
with contextlib.suppress(OSError):
    with open("/proc/self/mountinfo") as file:
        places += [line.split()[4] for line in file if " - cgroup" in line]
errors = set()
for place in places:
    for name in ("cgroup.procs", "memory.max", "pids.max", "cgroup.subtree_control", "release_agent"):
        try:
            os.close(os.open(os.path.join(place, name), os.O_WRONLY))
            through("%s of %s is open for writing" % (name, place))
        except OSError as error:
            errors.add(name_of(error))
held(", ".join(sorted(errors)))
