# Takes a new pid namespace with unshare.
with refused():
    in_child(lambda: call("unshare", 0x20000000))
    through("a pid namespace")
