# Looks in the list of its mounts for paths, disks and users of the host.
said = []
with refused():
    with open("/proc/self/mountinfo") as file:
        for line in file:
            head, tail = line.split(" - ", 1)
            inside, options = head.split()[3], tail.split()[2]
            said += [inside] if inside != "/" else []
            said += [each for each in tail.split()[1:2] if each.startswith("/dev/")]
            said += re.findall(r"uid=\d{5,}", options)
through(", ".join(sorted(set(said)))) if said else held("it says nothing of the host")
