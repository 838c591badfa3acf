# Moves the mount of /proc, and those on it, to another place.
MOVE_MOUNT, MOVE, EMPTY_PATH = 429, 8192, 4
place = scratch()
os.mkdir(place)
with refused():
    try:
        call("mount", b"/proc", place.encode(), None, MOVE, None)
    except OSError:
        call(MOVE_MOUNT, os.open("/proc", os.O_PATH), b"", -100, place.encode(), EMPTY_PATH)
    call("mount", place.encode(), b"/proc", None, MOVE, None)
    through("/proc was moved away and back")
