# Reads in which physical pages its memory lies.
page = ctypes.create_string_buffer(b"x" * 8192)
with refused():
    with open("/proc/self/pagemap", "rb") as file:
        file.seek(ctypes.addressof(page) // 4096 * 8)
        entry = struct.unpack("Q", file.read(8))[0]
    frame = entry & ((1 << 55) - 1)
    through("page frame %#x" % frame) if frame else held("the numbers are hidden")
