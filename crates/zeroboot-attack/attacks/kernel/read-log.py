# Reads the kernel's log.
with refused():
    through("%d bytes" % call("syslog", 3, ctypes.create_string_buffer(65536), 65536))
