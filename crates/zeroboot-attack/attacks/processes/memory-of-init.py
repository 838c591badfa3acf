# Opens the memory of process 1 for writing.
with refused():
    with open("/proc/1/mem", "r+b", buffering=0):
        through("/proc/1/mem is open for writing")
