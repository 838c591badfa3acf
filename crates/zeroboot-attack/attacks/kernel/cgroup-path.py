# Reads where in the host's hierarchy its cgroup lies.
with refused():
    with open("/proc/self/cgroup") as file:
        paths = {line.rstrip("\n").split(":", 2)[2] for line in file}
    named = sorted(path for path in paths if path != "/")
    through("the path is %s" % named) if named else held("it is / for the sandbox")
