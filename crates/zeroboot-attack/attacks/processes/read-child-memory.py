# Reads the memory of a child with process_vm_readv.
secret = ctypes.create_string_buffer(b"secret of the parent")
pid = os.fork()
if pid == 0:
    time.sleep(5)
    os._exit(0)
into = ctypes.create_string_buffer(len(secret))
local = struct.pack("2Q", ctypes.addressof(into), len(secret))
remote = struct.pack("2Q", ctypes.addressof(secret), len(secret))
try:
    call("process_vm_readv", pid, local, 1, remote, 1, 0)
    problem = None
except OSError as error:
    problem = name_of(error)
reap([pid])
held(problem) if problem else through("read %r" % into.value)
