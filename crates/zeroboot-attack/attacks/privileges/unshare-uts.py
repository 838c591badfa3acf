# Takes a new uts namespace with unshare.
with refused():
    in_child(lambda: call("unshare", 0x04000000))
    through("a uts namespace")
