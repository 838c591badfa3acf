# Takes a new mount namespace with unshare.
with refused():
    in_child(lambda: call("unshare", 0x00020000))
    through("a mount namespace")
