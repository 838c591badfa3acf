# Writes the memory of a child with process_vm_writev.
secret = ctypes.create_string_buffer(b"secret of the parent")
pid = os.fork()
if pid == 0:
    time.sleep(5)
    os._exit(0)
vector = struct.pack("2Q", ctypes.addressof(secret), len(secret))
try:
    call("process_vm_writev", pid, vector, 1, vector, 1, 0)
    problem = None
except OSError as error:
    problem = name_of(error)
reap([pid])
held(problem) if problem else through("wrote into process %d" % pid)
