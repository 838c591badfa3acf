# Leaves by the classic way: a second root below the first, while the working directory stays above.
place = scratch()
os.mkdir(place)


def leave():
    call("chroot", place.encode())
    for _ in range(64):
        os.chdir("..")
    call("chroot", b".")
    return os.listdir("/")[:5]


with refused():
    through("chroot passed; the root has %s" % in_child(leave))
