# Gives advice on the memory of another process.
page = ctypes.create_string_buffer(16384)
with refused():
    process = call("pidfd_open", os.getpid(), 0)
    start = (ctypes.addressof(page) + 4095) & ~4095
    call("process_madvise", process, struct.pack("2Q", start, 4096), 1, 20, 0)
    through("taken")
