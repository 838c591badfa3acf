# Looks in the list of its mounts for paths, disks and users of the host.
told = []
with refused():
    with open("/proc/self/mountinfo") as file:
        for line in file:
            head, tail = line.split(" - ", 1)
            inside, options = head.split()[3], tail.split()[2]
            told += [inside] if inside != "/" else []
            told += [each for each in tail.split()[1:2] if each.startswith("/dev/")]
            told += re.findall(r"uid=\d{5,}", options)
through(", ".join(sorted(set(told)))) if told else held("it says nothing of the host")
