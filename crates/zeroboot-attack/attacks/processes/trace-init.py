# Traces process 1 with ptrace.
if os.getpid() == 1:
    held("process 1 is this one")
with refused():
    call("ptrace", 0x4206, 1, 0, 0)
    # It is let go with the end of this process.
    through("process 1 was seized")
