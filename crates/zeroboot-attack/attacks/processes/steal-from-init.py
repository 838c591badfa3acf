# Takes a descriptor out of process 1.
with refused():
    process = call("pidfd_open", 1, 0)
    through("took descriptor 0 of process 1 as %d" % call("pidfd_getfd", process, 0, 0))
