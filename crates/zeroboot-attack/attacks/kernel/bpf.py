# Makes a bpf map.
with refused():
    call("bpf", 0, struct.pack("4I", 2, 4, 4, 1) + bytes(112), 128)
    through("a bpf map")
