# Locks 16 MiB into memory.
block = ctypes.create_string_buffer(16 << 20)
with refused():
    in_child(lambda: call("mlock", ctypes.addressof(block), len(block)))
    through("16 MiB")
