# Opens inode 2, the root of most disks, by a handle that nobody gave.
with refused():
    handle = ctypes.create_string_buffer(struct.pack("IiII", 8, 1, 2, 0))
    directory = os.open("/usr", os.O_RDONLY)
    descriptor = call("open_by_handle_at", directory, handle, os.O_RDONLY)
    through("the disk's root: %s" % os.listdir(descriptor)[:5])
