# Joins namespaces through the descriptor of a process.


def join():
    call("setns", call("pidfd_open", os.getppid() or 1, 0), 0x00020000 | 0x08000000)
    return "mount and ipc"


with refused():
    through("joined %s" % in_child(join))
