# Makes a whole /proc behind a descriptor, without a place.
with refused():
    context = call("fsopen", b"proc", 1)
    call("fsconfig", context, 6, None, None, 0)
    directory = os.open(".", os.O_RDONLY, dir_fd=call("fsmount", context, 1, 0))
    through("a /proc with %s" % os.listdir(directory)[-5:])
