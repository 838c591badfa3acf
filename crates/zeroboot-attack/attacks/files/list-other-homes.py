# Lists the home directories of other users.
own = os.path.realpath(os.path.expanduser("~"))
with refused():
    homes = [path for path in (os.path.join("/home", name) for name in os.listdir("/home"))
             if os.path.realpath(path) != own and not own.startswith(path + "/")]
    for home in homes:
        with contextlib.suppress(OSError):
            through("%s: %s" % (home, os.listdir(home)[:5]))
    held("no other home can be listed")
