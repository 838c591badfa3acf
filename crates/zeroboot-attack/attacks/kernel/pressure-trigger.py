# Has the kernel watch the load of the whole machine, and tell: a trigger in /proc/pressure.
errors = set()
for name in ("cpu", "memory", "io"):
    try:
        with open("/proc/pressure/" + name, "r+b", buffering=0) as file:
            file.write(b"some 1000000 2000000\0")
            through("a trigger on %s" % name)
    except OSError as error:
        errors.add(name_of(error))
held(", ".join(sorted(errors)))
