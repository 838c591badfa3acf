# Makes a process whose parent is the one outside (CLONE_PARENT), and leaves it there.
CLONE_PARENT = 0x8000
with refused():
    pid = call("clone", CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        time.sleep(4)
        through("a child of the outer process outlived the script")
held("nothing outlived the script")
