# Removes a module (of a name that there is not).
try:
    call("delete_module", b"attack_no_such_module", 0)
    through("removed")
except OSError as error:
    refusals = (errno.EPERM, errno.ENOSYS, errno.EACCES)
    held(name_of(error)) if error.errno in refusals else through("it was looked for: %s" % name_of(error))
