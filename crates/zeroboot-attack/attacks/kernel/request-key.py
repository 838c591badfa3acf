# Asks for a key, which may start a program on the host.
try:
    call("request_key", b"user", b"attack", None, 0)
    through("a key")
except OSError as error:
    held(name_of(error)) if error.errno in (errno.EPERM, errno.ENOSYS) else through("asked: %s" % name_of(error))
