# Takes a new network namespace with unshare.
with refused():
    in_child(lambda: call("unshare", 0x40000000))
    through("a network namespace")
