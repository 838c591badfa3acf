# Opens the memory of process 1 for writing.
if os.getpid() == 1:
    held("process 1 is this one")
with refused():
    with open("/proc/1/mem", "r+b", buffering=0):
        through("/proc/1/mem is open for writing")
