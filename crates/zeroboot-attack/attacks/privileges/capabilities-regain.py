# Sets every capability with capset.


def regain():
    full = struct.pack("6I", 0xFFFFFFFF, 0xFFFFFFFF, 0, 0x1FF, 0x1FF, 0)
    call("capset", struct.pack("Ii", 0x20080522, 0), full)
    return status_of()["CapEff"]


with refused():
    through("CapEff %s" % in_child(regain))
