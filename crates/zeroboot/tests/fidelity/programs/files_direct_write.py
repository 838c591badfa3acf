# files: yes
import os

fd = os.open("x", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
print(os.pwrite(fd, b"abc", 2), os.pread(fd, 3, 1), os.lseek(fd, 0, os.SEEK_END))
os.posix_fallocate(fd, 0, 16)
os.fsync(fd)
print(os.fstat(fd).st_size)
try:
    os.open("x", os.O_CREAT | os.O_EXCL)
except FileExistsError as error:
    print(error)
