# Lends pages that are still shared with the template to a pipe.
reader, writer = os.pipe()
page = ctypes.create_string_buffer(8192)
with refused():
    count = call("vmsplice", writer, struct.pack("2Q", ctypes.addressof(page), 4096), 1, 0)
    through("%d bytes were lent" % count)
