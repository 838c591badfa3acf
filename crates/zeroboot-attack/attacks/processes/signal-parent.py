# Sends signal 0 to its parent.
parent = os.getppid()
if parent in (0, 1):
    held("its parent is outside (%d)" % parent)
with refused():
    os.kill(parent, 0)
    through("process %d takes its signals" % parent)
