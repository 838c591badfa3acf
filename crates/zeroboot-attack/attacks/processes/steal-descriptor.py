# Takes a descriptor out of another process with pidfd_getfd.
with refused():
    process = call("pidfd_open", os.getpid(), 0)
    descriptor = call("pidfd_getfd", process, 1, 0)
    through("took descriptor 1 as %d" % descriptor)
