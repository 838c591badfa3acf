# Takes a new time namespace with unshare.
with refused():
    in_child(lambda: call("unshare", 0x00000080))
    through("a time namespace")
