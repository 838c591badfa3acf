# Reads the memory layout of process 1.
if os.getpid() == 1:
    held("process 1 is this one")
with refused():
    with open("/proc/1/maps") as file:
        lines = file.read().splitlines()
    through("%d mappings, the first %s" % (len(lines), lines[0])) if lines else held("an empty list")
