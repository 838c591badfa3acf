# Makes a file system with fsopen and fsmount, without a place.
with refused():
    context = call("fsopen", b"tmpfs", 1)
    call("fsconfig", context, 6, None, None, 0)
    call("fsmount", context, 1, 0)
    through("a tmpfs behind a descriptor")
