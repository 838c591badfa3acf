# Takes a descriptor out of process 1.
if os.getpid() == 1:
    held("process 1 is this one")
with refused():
    process = call("pidfd_open", 1, 0)
    through("took descriptor 0 of process 1 as %d" % call("pidfd_getfd", process, 0, 0))
