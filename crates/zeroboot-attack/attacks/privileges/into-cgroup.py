# Makes a process in the cgroup behind a descriptor, with clone3.
with refused():
    descriptor = os.open("/sys/fs/cgroup", os.O_RDONLY)
    pid = call("clone3", struct.pack("11Q", 1 << 33, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, 0, 0, descriptor), 88)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    through("a process in the root of cgroups")
