# Steers the clock's tick to an impossible one, which only a privileged caller is told of.
ADJ_TICK = 0x4000
try:
    request = ctypes.create_string_buffer(struct.pack("I", ADJ_TICK) + bytes(252))
    call("adjtimex", request)
    through("steered")
except OSError as error:
    refusals = (errno.EPERM, errno.ENOSYS, errno.EACCES)
    held(name_of(error)) if error.errno in refusals else through("the value was read: %s" % name_of(error))
