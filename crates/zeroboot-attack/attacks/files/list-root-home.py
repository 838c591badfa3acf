# Lists the home directory of the host's root.
with refused():
    names = os.listdir("/root")
    through("the home of root: %s" % names[:5]) if names else held("an empty directory")
