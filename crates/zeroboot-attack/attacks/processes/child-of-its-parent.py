# Makes a child of its parent (CLONE_PARENT), which has to wait for what it never made.
with refused():
    try:
        clone(0x8000 | signal.SIGCHLD)
    except ChildProcessError:
        through("its child is somebody else's")
held("its child is its own")
