# Asks whether it may load another kernel (an invalid request: nothing is loaded).
try:
    call("kexec_load", 0, 1 << 20, 0, 0)
    through("loaded")
except OSError as error:
    refusals = (errno.EPERM, errno.ENOSYS, errno.EACCES)
    held(name_of(error)) if error.errno in refusals else through("the request was read: %s" % name_of(error))
