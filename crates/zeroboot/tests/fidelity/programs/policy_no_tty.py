# policy: a sandbox has no terminal of the host's, and no name for one
# inside: stdout "ENOENT\n"
import errno

try:
    open("/dev/tty")
except OSError as error:
    print(errno.errorcode[error.errno])
