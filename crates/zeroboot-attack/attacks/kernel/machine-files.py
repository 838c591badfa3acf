# Walks all of /proc for what can be read, is no process's, and is none of the files that programs commonly read.
COMMON = set(
    "cpuinfo filesystems loadavg meminfo mounts net stat uptime version vmstat sys/fs/file-max sys/fs/nr_open "
    "sys/fs/pipe-max-size sys/kernel/cap_last_cap sys/kernel/hostname sys/kernel/ngroups_max sys/kernel/osrelease "
    "sys/kernel/ostype sys/kernel/pid_max sys/kernel/random/boot_id sys/kernel/random/entropy_avail "
    "sys/kernel/random/poolsize sys/kernel/random/uuid sys/kernel/threads-max sys/kernel/version "
    "sys/net/core/somaxconn sys/vm/max_map_count sys/vm/overcommit_memory".split()
)
count, begun = 0, time.monotonic()
# A directory need not be listed to be there.
for place, below, names in (found for top in ("/proc", "/proc/sys") for found in os.walk(top)):
    if place == "/proc":
        below[:] = [name for name in below if not name.isdigit() and name not in ("self", "thread-self")]
    for name in names + [name for name in below if os.path.islink(os.path.join(place, name))]:
        path = os.path.join(place, name)
        count += 1
        if os.path.relpath(path, "/proc") in COMMON:
            continue
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            os.read(descriptor, 1)
            through("%s can be read" % path)
    if time.monotonic() - begun > 8:
        break
held("of %d listed files none is another one" % count)
