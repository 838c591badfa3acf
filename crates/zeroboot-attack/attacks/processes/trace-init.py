# Traces process 1 with ptrace.
with refused():
    call("ptrace", 0x4206, 1, 0, 0)
    # It is let go with the end of this process.
    through("process 1 was seized")
