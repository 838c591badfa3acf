# Unmounts what lies on files of the machine in /proc, or puts something there and takes it away.
BIND = 4096
errors = set()
for name in ("meminfo", "cpuinfo", "stat", "uptime", "version", "loadavg", "sys", "sys/kernel/random/uuid", "mounts", "net"):
    path = ("/proc/" + name).encode()
    try:
        call("umount2", path, 8)
        through("/proc/%s is uncovered" % name)
    except OSError as error:
        errors.add(name_of(error))
    if os.path.isfile(path):
        with contextlib.suppress(OSError):
            call("mount", b"/dev/null", path, None, BIND, None)
            call("umount2", path, 8)
            through("/proc/%s was covered and uncovered" % name)
held(", ".join(sorted(errors)))
