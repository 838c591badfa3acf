# Hands the kernel a module (an invalid one: nothing is loaded).
try:
    call("init_module", b"no module", 9, b"")
    through("loaded")
except OSError as error:
    refusals = (errno.EPERM, errno.ENOSYS, errno.EACCES)
    held(name_of(error)) if error.errno in refusals else through("the module was read: %s" % name_of(error))
