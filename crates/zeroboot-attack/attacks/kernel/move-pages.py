# Asks on which memory node its pages lie.
page = ctypes.create_string_buffer(8192)
with refused():
    call("move_pages", 0, 1, struct.pack("Q", ctypes.addressof(page) & ~4095), None, ctypes.create_string_buffer(8), 0)
    through("answered")
