# Writes at an offset of 8 TiB, which confuses copies and backups.
path = scratch_file()
with refused():
    os.truncate(path, 8 << 40)
    descriptor = os.open(path, os.O_RDWR)
    os.posix_fallocate(descriptor, 0, 600 << 20)
    through("600 MiB were reserved")
