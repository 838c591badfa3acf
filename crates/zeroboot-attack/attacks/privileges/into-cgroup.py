# Makes a process in the cgroup behind a descriptor, with clone3.
CLONE_INTO_CGROUP = 1 << 33
errors = set()
for place in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
    try:
        descriptor = os.open(place, os.O_RDONLY)
        words = (CLONE_INTO_CGROUP, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, 0, 0, descriptor)
        pid = call("clone3", struct.pack("11Q", *words), 88)
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        through("a process in the root of cgroups")
    except OSError as error:
        errors.add(name_of(error))
held(", ".join(sorted(errors)))
