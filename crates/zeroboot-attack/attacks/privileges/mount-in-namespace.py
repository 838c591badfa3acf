# Makes a user namespace, maps itself to root there, and mounts in it.


def nest():
    user = os.getuid()
    call("unshare", 0x10000000 | 0x00020000)
    # Where /proc cannot be written it stays nobody there, with the same rights.
    with contextlib.suppress(OSError):
        with open("/proc/self/setgroups", "w") as file:
            file.write("deny")
        with open("/proc/self/uid_map", "w") as file:
            file.write("0 %d 1\n" % user)
    # The tree over itself: nothing is hidden by it.
    call("mount", b"/tmp", b"/tmp", None, 4096, None)
    return "a directory as root of a new namespace"


with refused():
    through(in_child(nest))
