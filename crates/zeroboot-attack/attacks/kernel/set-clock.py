# Sets the time zone to an impossible one, which only a privileged caller is told of.
try:
    call("settimeofday", None, struct.pack("2i", 30000, 0))
    through("set")
except OSError as error:
    refusals = (errno.EPERM, errno.ENOSYS, errno.EACCES)
    held(name_of(error)) if error.errno in refusals else through("the value was read: %s" % name_of(error))
