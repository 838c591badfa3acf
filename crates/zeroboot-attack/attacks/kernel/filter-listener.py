# Installs a filter with a listener, which may answer for the kernel.
allow = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7FFF0000))
program = struct.pack("HxxxxxxQ", 1, ctypes.addressof(allow))


def install():
    call("prctl", 38, 1, 0, 0, 0)
    return call("seccomp", 1, 1 << 3, program)


with refused():
    through("listener %s" % in_child(install))
