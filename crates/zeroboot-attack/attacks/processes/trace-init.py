# Traces process 1 with ptrace.
with refused():
    call("ptrace", 0x4206, 1, 0, 0)
    call("ptrace", 17, 1, 0, 0)
    through("process 1 was seized")
