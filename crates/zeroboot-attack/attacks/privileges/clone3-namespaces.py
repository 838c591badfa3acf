# Makes a process in a new user namespace with clone3, whose flags lie in memory.
with refused():
    pid = call("clone3", struct.pack("8Q", 0x10000000, 0, 0, 0, signal.SIGCHLD, 0, 0, 0), 64)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    through("a user namespace")
