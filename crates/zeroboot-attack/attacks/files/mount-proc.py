# Mounts a second, complete view of the processes.
place = scratch()
os.mkdir(place)
with refused():
    call("mount", b"proc", place.encode(), b"proc", 0, None)
    call("umount2", place.encode(), 0)
    through("mounted a procfs")
