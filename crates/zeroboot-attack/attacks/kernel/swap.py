# Swaps to a file (one that there is not).
try:
    call("swapon", b"/attack-no-such-file", 0)
    through("swapping")
except OSError as error:
    refusals = (errno.EPERM, errno.ENOSYS, errno.EACCES)
    held(name_of(error)) if error.errno in refusals else through("it was looked for: %s" % name_of(error))
