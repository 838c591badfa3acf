# Lays a forged file over one of the machine in /proc, for programs that believe it.
BIND, DETACH = 4096, 2
path = scratch_file(0o644)
with open(path, "w") as file:
    file.write("forged\n")
errors = set()
for target in (b"/proc/meminfo", b"/proc/self/status", b"/proc/1/status"):
    try:
        call("mount", path.encode(), target, None, BIND, None)
        with open(target) as file:
            text = file.readline()
        call("umount2", target, DETACH)
        through("%s says %s" % (target.decode(), text))
    except OSError as error:
        errors.add(name_of(error))
held(", ".join(sorted(errors)))
