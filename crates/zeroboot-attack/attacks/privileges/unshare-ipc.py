# Takes a new ipc namespace with unshare.
with refused():
    in_child(lambda: call("unshare", 0x08000000))
    through("a ipc namespace")
