# Makes a node of a disk in a private directory and reads the disk.
EXPECTED = {(8, 0), (254, 0), (253, 0), (252, 0), (259, 0)}
with contextlib.suppress(OSError, ValueError):
    with open("/proc/partitions") as file:
        for line in list(file)[2:]:
            EXPECTED.add(tuple(int(each) for each in line.split()[:2]))
errors = set()
for major, minor in sorted(EXPECTED):
    path = scratch()
    try:
        os.mknod(path, 0o600 | stat.S_IFBLK, os.makedev(major, minor))
        with open(path, "rb") as disk:
            through("%d bytes of disk %d:%d" % (len(disk.read(512)), major, minor))
    except OSError as error:
        errors.add(name_of(error))
held(", ".join(sorted(errors)))
