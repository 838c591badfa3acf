# Looks for any device in the tree beyond the harmless ones.
HARMLESS = {(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2)}
count = 0
for place, below, names in os.walk("/dev"):
    for name in names:
        path = os.path.join(place, name)
        with contextlib.suppress(OSError):
            found = os.lstat(path)
            if stat.S_ISBLK(found.st_mode) or stat.S_ISCHR(found.st_mode):
                count += 1
                device = (os.major(found.st_rdev), os.minor(found.st_rdev))
                if device not in HARMLESS and os.major(found.st_rdev) != 136 and os.access(path, os.R_OK):
                    through("%s, device %d:%d, can be read" % (path, *device))
held("%d devices, all harmless" % count)
