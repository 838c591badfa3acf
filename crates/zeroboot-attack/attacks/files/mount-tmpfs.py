# Mounts a file system over a directory of its own.
place = scratch()
os.mkdir(place)
with refused():
    call("mount", b"tmpfs", place.encode(), b"tmpfs", 0, None)
    call("umount2", place.encode(), 0)
    through("mounted a tmpfs")
