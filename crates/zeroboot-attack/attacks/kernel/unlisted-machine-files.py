# Asks for files of the machine in /proc by their names, by every way that leads there, whether they are listed or not.
NAMES = (
    "acpi asound buddyinfo bus cgroups cmdline config.gz consoles crypto devices diskstats dma driver dynamic_debug "
    "execdomains fb fs interrupts iomem ioports irq kallsyms kcore key-users keys kmsg kpagecgroup kpagecount kpageflags "
    "latency_stats locks mdstat misc modules mtrr pagetypeinfo partitions pressure sched_debug schedstat scsi slabinfo "
    "softirqs swaps sysrq-trigger sysvipc timer_list tty version_signature vmallocinfo zoneinfo sys/abi sys/dev sys/user "
    "sys/fs/inode-nr sys/kernel/core_pattern sys/kernel/keys sys/kernel/ns_last_pid sys/kernel/pty sys/kernel/random/urandom_min_reseed_secs "
    "sys/net/ipv4 sys/vm/swappiness"
).split()
descriptor, me = os.open("/proc", os.O_PATH), threading.get_native_id()
ways = [
    "/proc/",
    "/proc/self/../",
    "/proc/thread-self/../../../",
    "/proc/%d/task/%d/../../../" % (os.getpid(), me),
    "/proc/%d/task/%d/root/proc/" % (os.getpid(), me),
    "/proc/self/root/proc/",
    "/proc/1/root/proc/",
    "/proc/1/cwd/proc/",
    "/proc/self/cwd/%sproc/" % ("../" * 32),
    "/proc/self/fd/%d/" % descriptor,
    "/proc/sys/../",
    "/proc/sys/kernel/random/../../../",
    "/proc/net/../../",
]
with open("/proc/self/mountinfo") as file:
    for line in file:
        fields = line.split()
        if fields[fields.index("-") + 1] == "proc":
            ways.append(fields[4] + "/")
errors = set()
for way in ways:
    for name in NAMES:
        try:
            os.lstat(way + name)
            through("%s%s is there" % (way, name))
        except OSError as error:
            errors.add(name_of(error))
held("%s, by %d ways" % (", ".join(sorted(errors)), len(ways)))
