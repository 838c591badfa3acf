# Looks for a descriptor of a host's file that is open for writing.
import fcntl

for number in range(256):
    with contextlib.suppress(OSError):
        kind = os.fstat(number).st_mode
        writable = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE
        if writable and (stat.S_ISREG(kind) or stat.S_ISBLK(kind)):
            through("descriptor %d: %s" % (number, os.readlink("/proc/self/fd/%d" % number)))
held("there is none")
