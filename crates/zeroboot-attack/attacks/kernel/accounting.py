# Turns process accounting on (into a file that there is not).
try:
    call("acct", b"/attack-no-such-file")
    through("on")
except OSError as error:
    refusals = (errno.EPERM, errno.ENOSYS, errno.EACCES)
    held(name_of(error)) if error.errno in refusals else through("the file was looked for: %s" % name_of(error))
