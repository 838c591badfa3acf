# policy: the working directory of a sandbox holds 64 MiB
# inside: stdout "OSError ENOSPC\n"
import errno

try:
    with open("large", "wb") as file:
        for _ in range(80):
            file.write(bytes(1 << 20))
    print("written")
except OSError as error:
    print(type(error).__name__, errno.errorcode[error.errno])
