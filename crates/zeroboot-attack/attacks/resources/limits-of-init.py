# Changes the limits of process 1.
import resource

if os.getpid() == 1:
    held("process 1 is this one")
with refused():
    was = resource.prlimit(1, resource.RLIMIT_NOFILE)
    resource.prlimit(1, resource.RLIMIT_NOFILE, was)
    through("the limits of process 1 were set")
