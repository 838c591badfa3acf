# Takes a handle of /proc, which knows no mounts, and opens a file of the machine by it.
with refused():
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + bytes(128))
    mount = ctypes.create_string_buffer(8)
    call("name_to_handle_at", -100, b"/proc/sys", handle, mount, 0)
    descriptor = call("open_by_handle_at", os.open("/proc", os.O_RDONLY), handle, os.O_RDONLY)
    through("/proc/sys by a handle: %s" % os.listdir(descriptor)[:5])
