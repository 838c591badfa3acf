# Climbs above the root by many `..`, by path and by descriptor.
root = os.stat("/")
here = (root.st_dev, root.st_ino)
for path in ("/" + "../" * 64, "/proc/self/root/../..", "/proc/self/cwd/" + "../" * 64):
    with contextlib.suppress(OSError):
        found = os.stat(path)
        if (found.st_dev, found.st_ino) != here:
            through("%s is another directory than the root" % path)
descriptor = os.open("/", os.O_RDONLY)
for _ in range(8):
    descriptor = os.open("..", os.O_RDONLY, dir_fd=descriptor)
found = os.fstat(descriptor)
if (found.st_dev, found.st_ino) != here:
    through("a directory above the root")
held("`..` of the root is the root")
