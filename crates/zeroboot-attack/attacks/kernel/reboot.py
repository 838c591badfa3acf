# Asks for a reboot with a wrong magic number, which only a privileged caller is told of.
try:
    call("reboot", 1, 2, 0x01234567, None)
    through("it came back")
except OSError as error:
    refusals = (errno.EPERM, errno.ENOSYS, errno.EACCES)
    held(name_of(error)) if error.errno in refusals else through("the numbers were read: %s" % name_of(error))
