# Traces a child of its own: the way into many kernel mistakes.
# A child that may not be dumped is not traced either; whoever may change that for itself passes it on.
with contextlib.suppress(OSError):
    call("prctl", 4, 1, 0, 0, 0)
pid = os.fork()
if pid == 0:
    time.sleep(5)
    os._exit(0)
try:
    with refused():
        call("ptrace", 0x4206, pid, 0, 0)
        reap([pid])
        through("a child was seized")
finally:
    reap([pid])
