# Joins the namespaces of process 1.
if os.getpid() == 1:
    held("process 1 is this one")


def join():
    errors, passed = set(), []
    for kind in ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup"):
        try:
            descriptor = os.open("/proc/1/ns/" + kind, os.O_RDONLY)
            call("setns", descriptor, 0)
            passed.append(kind)
        except OSError as error:
            errors.add(name_of(error))
    if not passed:
        raise OSError(errno.EPERM, "refused")
    return passed


with refused():
    through("joined %s" % in_child(join))
