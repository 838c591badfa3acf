# Asks where on the disk a file of the tree lies (FIEMAP).
file = os.open(os.__file__, os.O_RDONLY)
answer = ctypes.create_string_buffer(struct.pack("QQIIII", 0, 1 << 32, 0, 0, 1, 0) + bytes(56))
with refused():
    ioctl(file, 0xC020660B, answer)
    extents = struct.unpack_from("QQIIII", answer)[3]
    through("block %d" % struct.unpack_from("QQ", answer, 32)[1]) if extents else held("no block is named")
