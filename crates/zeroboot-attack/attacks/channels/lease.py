# Takes a lease on a file of the common tree, which tells of every opening.
import fcntl

descriptor = os.open(os.path.realpath(os.__file__), os.O_RDONLY)
with refused():
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    through("a lease")
