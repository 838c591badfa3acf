# Lists the home directory of the host's root.
with refused():
    names, found = os.listdir("/root"), os.stat("/root")
    if [found.st_dev, found.st_ino] != CANARY["root_home"]:
        held("a directory of the sandbox's own tree")
    through("the home of root: %s" % names[:5])
