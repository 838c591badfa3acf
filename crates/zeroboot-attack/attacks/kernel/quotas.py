# Asks for the quotas of a file system.
try:
    call("quotactl", (0x800007 << 8), b"/attack-no-such-device", 0, ctypes.create_string_buffer(128))
    through("answered")
except OSError as error:
    refusals = (errno.EPERM, errno.ENOSYS, errno.EACCES)
    held(name_of(error)) if error.errno in refusals else through("the device was looked for: %s" % name_of(error))
