# Raises a capability that execve would keep.
PR_CAP_AMBIENT, RAISE = 47, 2


def raise_it():
    header, data = struct.pack("Ii", 0x20080522, 0), ctypes.create_string_buffer(24)
    call("capget", header, data)
    words = list(struct.unpack("6I", data.raw))
    words[2], words[5] = words[1], words[4]
    call("capset", header, struct.pack("6I", *words))
    call("prctl", PR_CAP_AMBIENT, RAISE, 21, 0, 0)
    return "CAP_SYS_ADMIN"


with refused():
    through("ambient %s" % in_child(raise_it))
