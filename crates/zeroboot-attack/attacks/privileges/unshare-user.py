# Takes a new user namespace with unshare.
with refused():
    in_child(lambda: call("unshare", 0x10000000))
    through("a user namespace")
