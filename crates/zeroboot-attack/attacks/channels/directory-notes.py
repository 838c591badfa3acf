# Asks for notes on changes in a directory of the common tree.
import fcntl

signal.signal(signal.SIGIO, signal.SIG_IGN)
descriptor = os.open("/usr", os.O_RDONLY)
with refused():
    fcntl.fcntl(descriptor, fcntl.F_NOTIFY, 1)
    through("notes were promised")
