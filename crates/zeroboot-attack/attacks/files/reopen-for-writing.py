# Opens a system file for reading, then the same descriptor in /proc for writing.
with refused():
    descriptor = os.open(os.path.realpath(os.__file__), os.O_RDONLY)
    os.close(os.open("/proc/self/fd/%d" % descriptor, os.O_RDWR))
    through("the standard library is open for writing")
