# Traces a child of its own: the way into many kernel mistakes.
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
