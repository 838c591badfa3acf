# Reads what tells kernel addresses or other people's memory.
PLACES = ("/proc/kcore", "/proc/kpageflags", "/proc/kpagecount", "/proc/kmsg", "/proc/vmallocinfo", "/proc/slabinfo",
          "/proc/timer_list", "/proc/pagetypeinfo", "/sys/kernel/notes", "/boot/System.map")
errors = set()
for place in PLACES:
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
        if os.read(descriptor, 64):
            through("%s can be read" % place)
    except OSError as error:
        errors.add(name_of(error))
with contextlib.suppress(OSError):
    with open("/proc/kallsyms") as file:
        line = file.readline()
        if line and int(line.split()[0], 16):
            through("kallsyms tells addresses")
held(", ".join(sorted(errors)))
