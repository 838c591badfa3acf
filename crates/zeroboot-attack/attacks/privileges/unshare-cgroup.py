# Takes a new cgroup namespace with unshare.
with refused():
    in_child(lambda: call("unshare", 0x02000000))
    through("a cgroup namespace")
